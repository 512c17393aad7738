"""Everything on one machine: test cards, a simulated phone, a J-LIS style responder, sample relying parties."""
