"""What auditors, finance and support ask: receipts, history and explanations, reports, the control log."""
