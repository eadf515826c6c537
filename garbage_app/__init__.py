"""What the files in pages/ share: the router and its frame, words and choosers, the photos, the networks."""
