"""What people read: report.html and the comparison table."""
