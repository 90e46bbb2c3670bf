"""What flows. Events, topics, the registry, the lane, its runner, its store, scores, metrics."""
