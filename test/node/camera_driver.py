"""A camera driver in a process of its own, to be killed. Argument: the topic. Says so on standard output once heard."""

from __future__ import annotations

import sys
import time

import rclpy
from plant import PERIOD_S, picture
from sensor_msgs.msg import Image


def main(topic: str, listeners: int) -> None:
    rclpy.init()
    node = rclpy.create_node("camera_driver")
    publisher = node.create_publisher(Image, topic, 10)
    turn, told = 0, False
    while True:
        turn += 1
        publisher.publish(picture(turn, time.time_ns()))
        if not told and publisher.get_subscription_count() >= listeners:
            told = True
            print("heard", flush=True)
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
