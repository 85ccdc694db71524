"""Experts in Isaac Lab into demonstrations, demonstrations into policies."""
