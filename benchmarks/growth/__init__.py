"""Growth: how what a router costs grows with what it stores and what it is asked."""
