"""The pictures of a comparison report, each as SVG and PNG, from records alone."""
