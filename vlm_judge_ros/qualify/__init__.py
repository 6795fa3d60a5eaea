"""What a judge is worth: metrics, controls, calibration, the judge card."""
