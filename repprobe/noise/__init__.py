"""Label noise: clean labels in, noisy labels out, by the laws of the literature.

A law is written NAME[:ARGUMENTS][:R], with R the noise rate in [0, 1]. For classes 0…C − 1:

| law | a label becomes, with probability R (unless the law says otherwise) |
| --- | --- |
| `none` | nothing else |
| `uniform:R` | any class, the true one included: R (C − 1) / C are wrong (Li et al. 2020) |
| `symmetric:R` | any wrong class |
| `flipped:R` | CIFAR-10: truck → automobile, bird → airplane, deer → horse, cat ↔ dog |
| | CIFAR-100: the next class of its superclass |
| `flipped:FROM>TO,…:R` | what a map of class names or numbers says; also `flipped:FILE.json:R` |
| `flipped:blocks:R` | the next in a block of five consecutive classes (CIFAR-100 in Li et al.) |
| `pair:R` | the next class |
| `matrix:FILE` | class j with the probability in row i, column j (.npy, .npz, .csv) |
| `instance:R` | the data's other function of the input, g(x); else as in Xia et al. 2020 |
| `human:aggre` | what people said of CIFAR-10 (CIFAR-10N); also worse, random1, random2, random3 |
| `file:FILE` | what the file says (.npy, .npz, .csv, .txt) |

For regression targets, beside `none`, `instance:R` and `file:FILE`:

| law | with probability R is added |
| --- | --- |
| `gaussian:MEAN,STD:R` | N(MEAN, STD²) |
| `gamma:K,THETA:R` | Γ(K, THETA) − K · THETA, of mean 0 |
| `student-t:DF,SCALE:R` | SCALE · t with DF degrees of freedom |
| `student-t:R` | the same with DF = SCALE = 1, the Cauchy distribution |
"""

from __future__ import annotations

from repprobe.noise.corrupt import corrupt, forms, names, parse
from repprobe.noise.law import Law
from repprobe.noise.noisy_labels import NoisyLabels

__all__ = ["Law", "NoisyLabels", "corrupt", "forms", "names", "parse"]
