"""Where recorded episodes come from: bags, datasets, videos."""
