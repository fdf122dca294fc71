"""GreenStream's shared package: carbon truth, freshness, routing, and the ports around them."""
