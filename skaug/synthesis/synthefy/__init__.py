"""The Synthefy synthesis service: requests, answers, and the store of windows that are paid for."""
