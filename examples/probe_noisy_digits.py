"""Where does a network that learned wrong labels still know the truth?

`noisy-digits.pt` was trained on digits, 60 % of them with a wrong label. It is probed on 300
labels that are right.
"""

from pathlib import Path

import repprobe

checkpoint = Path(__file__).with_name("noisy-digits.pt")
run = repprobe.layers(checkpoint, "digits", clean=300)

for score in run.scores.leading():
    value, low, high = (100 * share for share in (score.value, score.low, score.high))
    print(f"{score.layer:14} {value:5.1f} % ({low:.1f} to {high:.1f})")
print(run.info["verdict"])
