"""Measurements that don't wait for each other, side by side: in processes of this machine or on a Ray cluster."""
