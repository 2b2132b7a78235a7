"""What became of cases over many saved runs."""
