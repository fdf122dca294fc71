"""The interfaces between the rules and the outside world, and the values that cross them."""
