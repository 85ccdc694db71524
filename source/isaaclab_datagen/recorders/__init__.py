"""What is recorded, and the bridge from Isaac Lab's recorder manager to a format's writer."""

from isaaclab_datagen.recorders.recorders_cfg import ChannelCfg, DatasetRecorderCfg, FrameRecorderCfg

__all__ = ["ChannelCfg", "DatasetRecorderCfg", "FrameRecorderCfg"]
