# SPDX-License-Identifier: Apache-2.0
"""Stage 6, delivery: records leave the program, and nothing here can stop the stages before.

    records ─► format ─► queue ─► sink          one `Output`: queue, sink, thread
                         (once per record and form)

`Delivery` is the consumer that the run loop feeds. It formats each record once for all outputs of a
form and hands each output its texts, one queue operation for a batch. The sink's thread takes them
from there. What finds no room is lost for that output alone, and counted.
"""

from kflowd.delivery.consumer import Consumer, Ending
from kflowd.delivery.delivery import Delivery
from kflowd.delivery.output import Output, State
from kflowd.delivery.queue import Reason, Waiting

__all__ = ["Consumer", "Delivery", "Ending", "Output", "Reason", "State", "Waiting"]
