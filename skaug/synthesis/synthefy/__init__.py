"""The Synthefy synthesis service: requests, answers, and the store of paid windows."""
