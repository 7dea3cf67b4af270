"""Query routers as scikit-learn style estimators: `fit`, `predict_proba`, `classes_`, `save`, `load`."""
