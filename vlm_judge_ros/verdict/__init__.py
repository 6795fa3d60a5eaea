"""What is made of all layers: findings in, verdicts out."""
