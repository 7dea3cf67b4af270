"""One file a verb: each has `main(verb)`, which runs the arguments in `sys.argv`."""
