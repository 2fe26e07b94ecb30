"""Run by the KCL once for each shard: appends the records' numbers to the shard's file and checkpoints."""

import pathlib
import sys

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor


class Processor(processor.RecordProcessorBase):
    def initialize(self, initialize_input):
        self.file = open(pathlib.Path(sys.argv[1]) / initialize_input.shard_id, "a", buffering=1 << 20)

    def process_records(self, process_records_input):
        self.file.writelines(f"{record.binary_data.decode()}\n" for record in process_records_input.records)
        self.file.flush()
        process_records_input.checkpointer.checkpoint()

    def lease_lost(self, lease_lost_input):
        pass

    def shard_ended(self, shard_ended_input):
        shard_ended_input.checkpointer.checkpoint()

    def shutdown_requested(self, shutdown_requested_input):
        shutdown_requested_input.checkpointer.checkpoint()


kcl.KCLProcess(Processor()).run()
