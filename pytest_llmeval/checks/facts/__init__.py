"""What a text states that can be looked up in another: quantities, dates, links, quotes and names."""
