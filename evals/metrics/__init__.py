"""Which service is at fault, from metrics alone: cases in the RCAEval layout, our ranking beside BARO's on them."""
