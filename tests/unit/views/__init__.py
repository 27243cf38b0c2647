"""What views of the page show."""
