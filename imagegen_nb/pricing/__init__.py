"""What images cost: published prices, estimates before a run, and costs after it."""
