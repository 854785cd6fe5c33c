"""Detections and annotations to mAP."""
