"""The consumer of docs/integrations.md, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer

from tests.support.kafka import mock_kafka

DOCUMENT = (Path(__file__).parents[2] / "docs/integrations.md").read_text()
TOLD = [("ann", 1, 0), ("ann", 1, 1), ("bob", 1, 0), ("ann", 2, 0), ("ann", 1, 1), ("ann", 2, 0), ("ann", 3, 0)]


def consumer_of_the_page(brokers: str, quiet_s: int) -> str:
    """The page's code, on other brokers, until nothing comes for so long."""
    [code] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 20
    return str(code).replace("kafka-1:9092", brokers).replace("poll(60)", f"poll({quiet_s})")


def test_the_consumer_of_the_page_handles_each_event_once(tmp_path: Path) -> None:
    with mock_kafka(brokers=1) as kafka:
        kafka.form_groups_within(50)
        kafka.create_topic("croupier.bets", 4)
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        for player, version, n in TOLD:
            headers = {"ce_type": "T", "ce_subject": player, "ce_sequence": f"{version}.{n}"}
            producer.produce("croupier.bets", f"[{version}, {n}]", player, headers=headers)
        assert producer.flush(10) == 0
        command = [sys.executable, "-c", consumer_of_the_page(kafka.bootstrap_servers, 8)]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert ran.returncode == 0, ran.stderr
    handled = sorted(ran.stdout.splitlines(), key=lambda line: line.split()[1])
    assert handled == ["T ann [1, 0]", "T ann [1, 1]", "T ann [2, 0]", "T ann [3, 0]", "T bob [1, 0]"]
