"""Fixed texts of the page, as HTML: how to read each figure, definitions, caveats."""

from __future__ import annotations

OVERVIEW = (
    "<b>L</b> adds up how far the distribution of a layer's values has moved (moving a normal "
    "distribution by one standard deviation is L = 1); <b>Γ</b> is its slope, averaged over tenths "
    "of a decade of steps. Read downward at one step to see what the losses did while the "
    "distributions moved."
)
OVERVIEW_BANDS = "Bands are ± 2 standard errors."
OVERVIEW_BARE = "So many layers are drawn without bands; the table below has their errors."

MODULES = (
    "All elements of a module's layers in one histogram, on the finest grid that holds them, and "
    "those of the whole model. What two layers of a module do in opposite directions cancels here; "
    "its <b>L</b> is no sum of theirs."
)

DENSITY = (
    "Each column is the histogram of the layer's values at one step, as color on a logarithmic "
    "scale down to 10⁻⁴ of the panel's highest density. The range holds 99.9 % of the elements at "
    "all times; dark purple is where there is (almost) nothing."
)

RIDGES = (
    "The same densities as curves, from the first record at the top to the last at the bottom, all "
    "of a panel on one scale. The records are chosen evenly along the path (in L, mean over the "
    "weight matrices whose L is resolved), so ridges are close in steps where the weights change "
    "fast."
)

VELOCITY = (
    "The blue line is how fast the distribution moves, taken over as many records as it takes to "
    "see it. Where single intervals (dots) show no motion above their error, arrows mark the upper "
    "limit; the dashed published estimate then follows the dotted noise floor, not the motion."
)

LENGTH = (
    "The blue curve is L, its band ± 2 standard errors; no path can be shorter "
    "than the great-circle distance between its ends (dash-dotted). How far the dashed curve lies "
    "above is noise that the published estimate has summed up, and it grows with the number of "
    "records."
)

SCALES = (
    "Minibatches shake a layer as a whole, and a path that shakes is longer the closer one looks: "
    "<b>L(τ)</b> is the length of the path smoothed over τ steps. Where it is the same over a "
    "range of scales (bar), it belongs to the layer; where it falls all along, to the scale."
)

GROWTH = (
    "At the top, the local exponent of L; below it, its change, both regularized with λ chosen by "
    "cross-validation. A <b>transition</b> is a minimum of the second curve that is deeper than "
    "its band allows by chance: growth slows down most sharply there."
)
GROWTH_LOSS = "At the bottom, the {loss}, which the curves above do not use."

ENTROPY = (
    "<b>H</b> is 1 for a layer spread evenly over its grid and 0 for one in a single bin; <b>C</b> "
    "is 0 at both ends and large for structured distributions between. In the plane on the right "
    "a ring marks the first record and a dot the last; values are comparable within a layer, "
    "between layers only on equal grids."
)

DEPTH = (
    "One row per layer from input to output, color is Γ, the slope of L over tenths of a decade of "
    "steps. Blank cells are layers at rest within the noise."
)

DEFINITIONS = """<dl>
<dt>Information velocity Γ and length L</dt>
<dd>Γ² = ∫ (∂<sub>t</sub>p)²/p dx = 4 ∫ (∂<sub>t</sub>√p)² dx and L = ∫ Γ dt, where p is the
distribution of one layer's elements and t counts optimizer steps (Thiruthummal, Kim, Shelyag,
Neurocomputing 597 (2024) 128007, <a href="https://arxiv.org/abs/2406.05295">arXiv 2406.05295</a>).
For a normal distribution, moving the mean by one standard deviation is L = 1.</dd>
<dt>Split estimate</dt>
<dd>The elements are dealt into groups whose noise at bin borders is independent. Products between
groups keep what all of them did and drop what each did alone; motion too small for one interval
is measured over as many as it needs. The standard error combines the spread between groups with the
uncertainty of what bins, arcs and weak directions of motion hide.</dd>
<dt>Published estimate</dt>
<dd>Γ = 2·√Σ(√p′ − √p)²/Δt from neighboring histograms. Elements that cross a bin border by
chance count as motion, so its L grows with the number of records. Shown for comparison.</dd>
<dt>Noise floor</dt>
<dd>The velocity that the published estimate would read if nothing moved: the square of all
elements' change minus the product between groups, measured at every interval.</dd>
<dt>Great-circle distance</dt>
<dd>2·arccos Σ√(p·q) between the first and the last histogram: the shortest length between them.
The noise floor between the two is subtracted first, in the square. Given where L stands clear of
its error.</dd>
<dt>Entropy H and complexity C</dt>
<dd>H = −Σ p ln p / ln B over the B bins of the layer's grid, which stands under Grids;
C = Q₀·JS(p, uniform)·H with the Jensen–Shannon divergence JS and Q₀ such that C ≤ 1
(López-Ruiz, Mancini, Calbet 1995; Lamberti, Martin, Plastino, Rosso 2004).</dd>
</dl>"""

CAVEATS = """<ul>
<li><b>L belongs to a time scale.</b> Minibatch noise moves a whole layer to and fro; L is the
length of the path as far as the records resolve it. Quote it with its plateau, L(τ).</li>
<li><b>L depends on the bins.</b> A layer that starts uniform, as PyTorch's linear layers do, has
sharp edges, and wide bins lose part of their motion. It is estimated and added, and half of it is
in the error: finer bins usually make L more certain. Compare L on equal bins.</li>
<li><b>Layers that start at one value</b>, as biases at 0 and norms at 1, come from a point: with
Adam each of the first records adds about 3, so that L is some tens: a fact of the measure, not of
training.</li>
<li><b>Sampling.</b> Between records the path is taken as smooth. If L from every fourth record (in
the table) is clearly smaller, the records cut corners and the true L is larger: record more
often.</li>
<li><b>Transitions depend on λ.</b> The table says whether one is found at a tenth and at ten times
the chosen λ too. Where λ is small because the path trembles, a minimum may be a turn of this path
that another seed does not have. Steps count from the first record.</li>
<li><b>Small layers.</b> With few elements a distribution is hardly defined; the standard error
says so. L within two of them of zero is not resolved: the table gives an upper limit, two standard
errors above it, and a dash for layers of fewer than 200 elements.</li>
<li><b>H and C depend on the grid.</b> One octave in bin width can change them by 0.1. Where the
recorded grid changed, elements that were outside come in, which shows as a step.</li>
</ul>"""
