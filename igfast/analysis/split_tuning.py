"""The numbers that the split estimator of length contains, each with its reason.

They were chosen on the processes of ``known_processes.py``, ``held_out_processes.py`` and
``unseen_processes.py`` in ``tests/analysis``; those of ``fresh_processes.py``,
``later_processes.py`` and ``skeptical_processes.py`` showed what was wrong; those of
``last_processes.py`` changed nothing, those of ``blind_processes.py`` showed again what was wrong
(``docs/length.md``).
"""

from __future__ import annotations

# Cells are joined until one record holds this many elements of them: roots of small counts are
# biased, and far tails of a few elements are noise. Fewer where a layer is small, so that about
# LEAST_CELLS cells remain, but never fewer than two elements in every split.
MIN_COUNT = 100
LEAST_CELLS = 24
COUNTS_PER_SPLIT = 2.0

# √(N + ¼) is unbiased to first order for a Poisson count N; ⅜ would steady its variance instead
# (F. J. Anscombe, Biometrika 35 (1948) 246).
ROOT_SHIFT = 0.25
# The root of no count, where √(N + ¼) would give ½ to cells that nothing has reached yet: the mean
# is then too low as much as too high over expected counts below one.
ROOT_OF_NONE = 0.25

# A mode of the path counts if it is this much larger than the largest one of pure noise. Lower, and
# noise enters as motion; higher, and slow motion is lost.
NOISE_MARGIN = 1.1
# Cells are joined by so many, where there is less noise, while LEAST_CELLS_JOINED are left.
JOINED_CELLS = (1, 4, 16)
# Modes are looked for in so many joined cells, and taken if this much of the estimated direction is
# the true one (squared cosine): the surest first, since noise in one mode leaves the next.
SEARCHES = ((1, 0.85), (4, 0.85), (16, 0.4))
# Of edges, whose motion is in single cells.
SEARCH_OF_ENDS = ((1, 0.4),)
# Where no mode is found, the way from the first record to the last is one, if its square is this
# many times its error. Of so many equal parts of the path, and as many that overlap them by half,
# one has to be so much: chance has more of them to choose from.
CLEAR_DISPLACEMENT = 3.0
PARTS_OF_PATH = (2, 4, 8)
CLEAR_OF_PART = 4.0
# A mode of which this much is seen is there, though it may be too much turned to be followed.
SEEN = 0.2
# Singular values fall at least as this power of their number: where a cusp or an edge moves, the
# tangent jumps, and they fall as the square. The last mode that is followed may hold part of what
# is smooth, so the power is halfway between this one and that of the fall from it to the next.
# Beyond a mode that is seen there is at most MOST_FOLLOWING times as much, itself included.
SLOWEST_FALL = 2.0
MOST_FOLLOWING = 3.0
LEAST_CELLS_JOINED = 6
# Half of the weight of records goes by their number, half by how far the path goes around them: a
# run whose length lies in its first steps is then told from noise as well from few as from many.
WEIGHT_BY_RECORDS = 0.5
# So many records, and less than twice as many, tell where the path is fast.
RECORDS_FOR_PACE = 128
# Modes that are looked at: paths of real layers and of all test processes have fewer than ten. Only
# few at first, and as many as there may be where all of these are clear.
FEW_MODES = 6
MOST_MODES = 24

# A tangent is taken from the shortest window of time with a displacement of squared length this
# many times its noise: 4 standard errors.
CLEAR_MOTION = 16.0
# Both are averaged over so many windows before and after; but the mean counts for no more than so
# many times what is found in the window itself.
SPANS_AROUND = 2
MOST_ABOVE = 2.0

# Motion outside the modes is measured over the shortest displacements at which its error is below
# this share of the other errors of the length: statistical, of tangents, cells and modes seen. At
# half of it a refinement counts in full, at twice not at all. The others count for no more than so
# many statistical ones: unbounded, single seeds were off by 17 %.
FINEST_LEVEL = 0.5
MOST_OTHER_ERRORS = 2.0
# Squared cosine of their directions to the true ones, at the median of the displacements, up to
# which they are too noisy to be believed, and from which they count in full. At 0.7 a quarter of
# the squared length was found inside the modes beyond all of it, at 0.5 nine tenths.
SURE_DIRECTION = (0.8, 0.9)
# Displacements of the ladder overlap by this factor, to use every record.
LADDER_OVERLAP = 4
# What the ladder may change the squared length by: modes hold part of it, so it is not much less.
# Nor may its next refinements be in doubt by more.
BELIEVED_REMAINDER = (-0.1, 1.0)
# Half of an error in the squared length is one in the length.
REMAINDER_ERROR = 0.5
# All further refinements of the squared length together over the last one: the next ones fall to a
# quarter where all is smooth, which makes it 1/3, and halve where a cusp moves, which makes it 1.
# The first is added; what the second has more of is, of the length, one standard error.
NEXT_REFINEMENTS = 1 / 3
UNSEEN_ERROR = 1 / 3
# Share of what the next mode would add, were it as strong as it may be, that is its standard error:
# it matters where elements are too few to measure motion outside the modes, and is less by what was
# measured. A mode that noise hides is about as weak as noise: so many statistical errors are the
# most.
HIDDEN_ERROR = 0.5
MOST_HIDDEN = 2.0
# Share of the length added for the noise in tangents that is its standard error.
TANGENT_ERROR = 0.3
# So many elements of a bin at one position in it are of one value: digits that are equal by chance,
# one in 256 for each further element, are out of the question.
TELLS_ONE_VALUE = 8
# Pairs of cells lose so many times as much as cells do: at edges, and where densities are smooth.
# Half of the loss is its standard error.
LOSS_OF_PAIRS = (1.5, 4.0)
LOST_IN_CELLS_ERROR = 0.5
# Bins that lose more than this are cut in two by the mean positions of their elements, where these
# are known. What bins were found to lose, and the halves do not show, is lost by halves too where
# densities are smooth (but there it is little), and rather not where they are not: half is added,
# and that is a standard error.
LOST_IN_BINS = 0.01
BELIEVED_UNSEEN = 0.5
# But halves of few elements show modes that can then not be followed: where these may add so much
# more of the length than in whole bins, bins stay whole.
MORE_SEEN = 0.05
# Share of all elements in one cell, up to which a density over decades of width counts as resolved.
FULLEST_CELL = 1 / 64
# Records, about, from which the loss is measured.
RECORDS_FOR_CELLS = 64
MOST_LOST = 0.5
# With fewer cells than this, splits of a layer are too small to be compared with each other.
FEWEST_CELLS = 4

# Angle per record above which the direction of the path is said to be lost.
SMOOTH_TURN = 3.141592653589793 / 3
# An arc between two records turns by no more than this, and how sure that is what it turns by falls
# as this power of it: at 45° an eighth of the length that is added is in doubt, at 90° all.
MOST_WITHIN = 3.141592653589793 / 2
SURE_OF_BENDS = 3
# Cosine between the directions before and after an interval below which the path has turned round.
REVERSED = -0.5
# Share of what a sudden reversal may hide that is added, and that is its standard error: speed that
# turns linearly within the interval hides a third of it. Within three intervals of another one the
# chords do not tell a wave, which hides little, from a saw.
SUDDEN = (0.6, 0.3)
SUDDEN_OF_MANY = (0.25, 0.5)
# How much chords fall toward a reversal where speed turns linearly over one interval and a half, so
# that little is hidden, and over three, so that nothing is.
FALL_OF_SUDDEN = 0.1
FALL_OF_SMOOTH = 0.5
# Speed beyond a reversal over that beside it, below which it may be two jumps with a rest between
# them, which hides nothing: of two rests nothing is believed, and all is in doubt.
FEWEST_BEYOND = 0.1
# Share of what steps between two reversals are shorter by than the longest of those around that is
# their standard error: so much they may hide of a way to and fro in about two steps.
TO_AND_FRO = 0.5
# Steps longer than this, between which the direction is lost, may hide a reversal.
LONG_STEP = 0.4
# What moving quantiles may add to a great circle; beyond, the guess is not believed.
MOST_TRANSPORT = 0.15
# Steps from the first of these lengths on, from the second in full, may be any way from a great
# circle to the path of moving quantiles, whatever is around them: this share of what they differ by
# is the standard error.
FAR_STEP = (1.0, 1.5)
FAR_ERROR = 0.7
# A start of no bounded speed: each length after it has to be so many errors clear for the question
# to arise; the first interval is so much faster than the second, from the first number on, in full
# from the second (2.4 times as a length that grows as the root of time); the power of time rises
# toward the start where it does so by so many errors, and is no less than that of an edge under
# noise, but for what it may be off by without noise; and this share of what such a start hides is
# the standard error, as the power is rather found too high, of edges within bins.
CLEAR_START = 4.0
FAST_START = (1.5, 2.0)
CLEAR_RISE = 2.5
LEAST_POWER = 0.25
ERROR_OF_POWER = 0.01
START_ERROR = 1.2
# Share of the added length that is taken as its standard error: at least, for a path that bends
# evenly; at most, in an interval of which only one side is known (a start is often faster and more
# bent than what follows) or that turns as much as is allowed; so many times what the bend there
# changes by to the next record, in between; and for a guess.
CHORD_ERROR = 0.1
END_ERROR = 1.0
END_OF_UNEVEN = 10.0
TRANSPORT_ERROR = 0.5

# Cross products along parts of a path on which nothing is seen to move are taken for motion to and
# fro, and so for an error, if together they are this many times their error.
CLEAR_TO_AND_FRO = 2.0

# Where no more elements than these change cells, of a split or of all, what they do is no noise
# that splits could tell from motion.
FEW_OF_SPLIT = 8.0
FEW_OF_ALL = 0.02

# A segment of the piecewise linear L ends where its length stands this many errors clear.
CLEAR_SEGMENT = 4.0

# 97.5 % quantile of Student's t over 1.96, at inverses of degrees of freedom: ±2 errors hold 95 %.
STUDENT_FACTOR = (
    (0, 1 / 20, 1 / 10, 1 / 7, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1),
    (1, 1.06, 1.14, 1.21, 1.31, 1.42, 1.62, 2.20, 6.48),
)
