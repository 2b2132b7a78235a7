"""What becomes of imported rows before they are written: which are drawn, and what is hidden in them."""
