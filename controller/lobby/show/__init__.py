"""What displays and pages show, made of the state alone."""
