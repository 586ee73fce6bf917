"""What the pages share. It knows none of them."""
