"""A node in a thread goes on, whatever other threads destroy."""

from __future__ import annotations

from bench import Bench
from std_msgs.msg import String


def test_it_goes_on_while_publishers_and_clients_are_destroyed_under_it(bench: Bench) -> None:
    heard = bench.listen(String, "/spin_thread/told")
    told = bench.node.create_publisher(String, "/spin_thread/told", 1000)
    bench.until(lambda: told.get_subscription_count() == 1, "the subscription")
    for number in range(300):
        passing = bench.node.create_publisher(String, "/spin_thread/passing", 1)
        told.publish(String(data=str(number)))
        bench.node.destroy_publisher(passing)
    bench.until(lambda: len(heard) >= 1 and heard[-1].data == "299", "the last message")
    bench.node.destroy_publisher(told)
