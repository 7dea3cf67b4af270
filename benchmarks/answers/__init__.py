"""The experts' answers: collected, cached; and the experts' training."""
