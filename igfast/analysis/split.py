"""Information length of a moving empirical distribution from split histograms.

Every record holds the histogram of the *same* particles, dealt once into G disjoint splits.  Sampling
noise is independent between splits and (strongly) dependent between times.  With y = 2 sqrt(p) the
information length is the Euclidean arc length of the curve y(t).  For each split g

    L_g = sum_t < y_g(t+1) - y_g(t), u_g(t) > / c_g(t)

where the unit tangent u_g(t) is found from the *other* splits only (low-rank projection of their
pooled curve, then the shortest window of time in which the motion stands clear of the spread between
splits) and c_g(t) corrects for the noise left in the tangent.  L is the mean over g: it is linear in
the data that it measures, so that noise does not add length; its tangent is centred, so that chords
do not cut smooth corners.
"""

from __future__ import annotations
from dataclasses import dataclass
import numpy as np

__all__ = ["SplitLength", "split_length", "split_velocity_squared"]

#: Student's t 97.5 % quantile over 1.96 by degrees of freedom: makes +-2 standard errors a 95 % interval.
_T_FACTOR = {1: 6.48, 2: 2.20, 3: 1.62, 4: 1.42, 5: 1.31, 6: 1.25, 7: 1.21}
_THRESHOLD = 16.0  # |window displacement|^2 over its noise
_MIN_COUNT = 30  # pooled counts that a merged cell reaches at some time
_MAX_RANK = 24
_RANK_MARGIN = 1.1  # over the largest singular value of pure noise
_CHUNK = 1 << 22


@dataclass(frozen=True)
class SplitLength:
    """T records.  Units: length in nats-free Fisher-Rao units, velocity squared per step squared."""

    length: np.ndarray  # (T,) cumulative length, length[0] = 0
    standard_error: np.ndarray  # (T,)
    velocity_squared: np.ndarray  # (T-1,) unbiased, signed, at stride 1
    velocity_squared_error: np.ndarray  # (T-1,)
    noise_floor: np.ndarray  # (T-1,) sqrt(pooled square - cross product) per step
    segments: np.ndarray  # (K+1,) record indices of the segment ends
    strides: np.ndarray  # (T-1,) records in the window that gave the tangent; 0: unresolved
    turning: np.ndarray  # (T-1,) angle turned per record where single records resolve the motion
    coarse_correction: float  # relative length added for chord against arc
    unresolved: float  # one-sigma bound on motion below the detection limit
    rank: int  # modes of the trajectory above noise


def _cells(split_counts, split_outside):
    c = np.asarray(split_counts, dtype=np.float64)
    o = np.asarray(split_outside, dtype=np.float64)
    return np.concatenate([o[..., :1], c, o[..., 1:]], axis=-1)


def _merge(counts, minimum):
    """Join neighbouring cells until each holds `minimum` pooled counts in some record."""
    most = counts.sum(axis=1).max(axis=0)
    label = np.empty(most.size, dtype=np.int64)
    k, held = 0, 0.0
    for b, m in enumerate(most):
        label[b] = k
        held += m
        if held >= minimum:
            k, held = k + 1, 0.0
    if held < minimum and k > 0:
        label[label == k] = k - 1
    start = np.flatnonzero(np.diff(label, prepend=-1))
    return np.add.reduceat(counts, start, axis=-1)


def split_velocity_squared(times, split_counts, split_outside):
    """Unbiased signed Gamma^2 per interval, its standard error and the noise floor, at stride 1."""
    N = _cells(split_counts, split_outside)
    T, G, B = N.shape
    dt = np.diff(np.asarray(times, dtype=np.float64))
    value = np.full(T - 1, np.nan)
    error = value.copy()
    floor = value.copy()
    if T < 2:
        return value, error, floor
    n = N.sum(axis=-1, keepdims=True)
    if not np.all(n > 0):
        return value, error, floor
    step = max(1, _CHUNK // (G * B))
    for lo in range(0, T - 1, step):
        hi = min(T - 1, lo + step)
        p = N[lo : hi + 1] / n[lo : hi + 1]
        pool = N[lo : hi + 1].sum(axis=1) / n[lo : hi + 1].sum(axis=1)
        mid = 0.5 * (pool[1:] + pool[:-1])
        y = np.diff(p, axis=0) / np.sqrt(np.where(mid > 0, mid, 1.0))[:, None]
        M = y @ y.transpose(0, 2, 1)
        total = M.sum(axis=(1, 2))
        own = np.trace(M, axis1=1, axis2=2)
        if G < 2:
            continue
        cross = (total - own) / (G * (G - 1))
        value[lo:hi] = cross
        floor[lo:hi] = np.sqrt(np.maximum(total / G**2 - cross, 0.0))
        if G > 2:
            diag = np.diagonal(M, axis1=1, axis2=2)
            loo = ((total - own)[:, None] - 2 * (M.sum(axis=2) - diag)) / ((G - 1) * (G - 2))
            error[lo:hi] = np.sqrt(
                (G - 1) / G * ((loo - loo.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
            )
        else:
            error[lo:hi] = np.abs(own - total) / 2 + floor[lo:hi] ** 2
    return value / dt**2, error / dt**2, floor / dt


def _top(Z, k):
    """Leading singular triples of Z (T,B), values descending."""
    T, B = Z.shape
    k = min(k, T, B)
    if min(T, B) <= 400:
        if B <= T:
            w, V = np.linalg.eigh(Z.T @ Z)
            V = V[:, ::-1][:, :k]
        else:
            w, U = np.linalg.eigh(Z @ Z.T)
            V = Z.T @ U[:, ::-1][:, :k]
            V = np.linalg.qr(V)[0]
    else:
        V = np.random.default_rng(0).standard_normal((B, min(k + 8, T, B)))
        for _ in range(6):
            V = np.linalg.qr(Z.T @ (Z @ V))[0]
    U, s, R = np.linalg.svd(Z @ V, full_matrices=False)
    return U[:, :k], s[:k], (V @ R.T)[:, :k]


def _spans(intervals):
    s = [1, 3]
    while s[-1] < intervals:
        s.append(2 * int(round(s[-1] * 0.7072)) + 1 if s[-1] > 5 else s[-1] + 2)
    return [x for x in s if x < intervals] + [intervals]


def _window(intervals, span, side):
    t = np.arange(intervals)
    a = t - (span - 1) // 2 if side == 0 else (t - (span - 1) if side < 0 else t)
    a = np.clip(a, 0, intervals - span)
    return a, a + span


def _smooth(x, half):
    c = np.concatenate([[0.0], np.cumsum(x)])
    t = np.arange(x.size)
    a = np.maximum(t - half, 0)
    b = np.minimum(t + half + 1, x.size)
    return (c[b] - c[a]) / (b - a)


def _tangents(c, z, threshold):
    """c (T,r) curve of the pooled others, z (T,a,r) their splits -> unit tangents, window, cos^2."""
    T, r = c.shape
    K = T - 1
    a = z.shape[1]
    u = np.zeros((K, r))
    cos2 = np.ones(K)
    width = np.zeros(K, dtype=np.int64)
    done = np.zeros(K, dtype=bool)
    for span in _spans(K):
        best = []
        for side in (0, -1, 1) if span > 1 else (0,):
            i, j = _window(K, span, side)
            V = c[j] - c[i]
            W = z[j] - z[i]
            W -= W.mean(axis=1, keepdims=True)
            V2 = np.maximum((V * V).sum(axis=1), 1e-300)
            e = V / np.sqrt(V2)[:, None]
            noise = (W * W).sum(axis=(1, 2)) / (a * (a - 1))
            along = ((W @ e[..., None])[..., 0] ** 2).sum(axis=1) / (a * (a - 1))
            ratio = V2 / np.maximum(_smooth(noise, span), 1e-300)
            best.append((ratio, e, 1 - _smooth(noise - along, span) / V2))
        ratio = np.array([x[0] for x in best])
        pick = np.where(ratio[0] > threshold, 0, ratio.argmax(axis=0))
        new = ~done & (ratio.max(axis=0) > threshold)
        for k, (_, e, q) in enumerate(best):
            s = new & (pick == k)
            u[s] = e[s]
            cos2[s] = q[s]
            width[s] = span
        done |= new
        if done.all():
            break
    return u, width, np.clip(cos2, 0.5, 1.0)


def split_length(
    steps,
    split_counts,
    split_outside,
    *,
    threshold=_THRESHOLD,
    min_count=_MIN_COUNT,
    rank_margin=_RANK_MARGIN,
    max_rank=_MAX_RANK,
    correct_modes=True,
    correct_root=True,
    correct_rest=True,
    correct_chord=True,
):
    """Length of the path of a distribution.  steps (T,), split_counts (T,G,B), split_outside (T,G,2)."""
    steps = np.asarray(steps, dtype=np.float64)
    T, G, _ = np.shape(split_counts)
    gamma2, gamma2_error, floor = split_velocity_squared(steps, split_counts, split_outside)
    N = _cells(split_counts, split_outside)
    n = N.sum(axis=-1)
    K = max(T - 1, 0)
    nan = np.full(T, np.nan)
    zi = np.zeros(K, dtype=np.int64)
    if T < 2 or G < 3 or not np.all(n > 0):
        value = np.zeros(T) if T < 2 and np.all(n > 0) else nan
        return SplitLength(
            value,
            nan,
            gamma2,
            gamma2_error,
            floor,
            np.unique([0, K]),
            zi,
            np.full(K, np.nan),
            0.0,
            float("nan"),
            0,
        )
    N = _merge(N, min_count)
    B = N.shape[-1]
    y = 2 * np.sqrt((N + 0.25) / n[..., None])  # (T,G,B) splits
    pool = N.sum(axis=1)
    npool = n.sum(axis=1)
    ypool = 2 * np.sqrt((pool + 0.25) / npool[:, None])
    ysplit = y + (ypool - y.mean(axis=1))[:, None] if correct_root else y
    # noise without signal: orthonormal contrasts between splits, scaled to a mean over G-1 splits
    H = np.linalg.qr(np.concatenate([np.ones((G, 1)), np.eye(G)[:, : G - 1]], axis=1))[0][:, 1:]
    noise = np.einsum("tgb,gj->jtb", y, H) / np.sqrt(G - 1)
    noise -= noise.mean(axis=1, keepdims=True)
    top_noise = max(_top(Z, 1)[1][0] for Z in noise)
    L = np.zeros((G, T))
    width = np.zeros((G, K), dtype=np.int64)
    ranks = np.zeros(G, dtype=int)
    inc = np.zeros((G, K))
    turn_num = np.zeros(max(K - 1, 0))
    rest = np.zeros((G, 2))
    for g in range(G):
        A = np.arange(G) != g
        nA = npool - n[:, g]
        yA = 2 * np.sqrt((pool - N[:, g] + 0.25) / nA[:, None])
        U, s, V = _top(yA - yA.mean(axis=0), max_rank)
        r = int((s > max(rank_margin * top_noise, 1e-9)).sum())
        ranks[g] = r
        if r == 0:
            continue
        U, s, V = U[:, :r], s[:r], V[:, :r]
        c2 = np.ones(r)
        if correct_modes:
            E = np.einsum("ti,jtb->jib", U, noise)
            e = ((E**2).sum(axis=-1) - ((E @ V) ** 2).sum(axis=-1)).mean(axis=0)
            c2 = np.clip(1 - e / s**2, 0.25, 1)
        cA = yA @ V
        u, width[g], cos2 = _tangents(cA, y[:, A] @ V, threshold)
        w = 1 / np.sqrt(cos2 * np.maximum((u * u) @ c2, 0.1))
        eg = np.diff(ysplit[:, g] @ V, axis=0)
        inc[g] = (eg * u).sum(axis=1) * w
        if K > 1:
            turn_num += 0.5 * (
                (eg[1:] * u[:-1]).sum(axis=1) * w[:-1] + (eg[:-1] * u[1:]).sum(axis=1) * w[1:]
            )
        if correct_rest:
            # length outside the span of the modes, from displacements long enough to be measured
            pathA = np.concatenate(
                [[0.0], np.cumsum(np.where(width[g] > 0, np.maximum(inc[g], 0), 0))]
            )
            target = max(np.sqrt(np.sqrt(2 * B) * 2 / npool.mean() / 0.02), pathA[-1] / 400)
            m = max(int(pathA[-1] / target), 1)
            at = np.unique(np.searchsorted(pathA, np.linspace(0, pathA[-1], m + 1)).clip(0, K))
            Dg = np.diff(ysplit[at, g], axis=0)
            DA = np.diff(yA[at], axis=0)
            pp = ((Dg @ V) * (DA @ V)).sum()
            rest[g] = (Dg * DA).sum() - pp, pp
    if correct_rest and rest[:, 1].sum() > 0:
        R = rest[:, 0].sum() / rest[:, 1].sum()
        inc *= np.sqrt(1 + np.clip(R, -0.1, 1.0))
    mean = inc.mean(axis=0)
    # chord against arc where single records resolve the motion
    one = np.median(width, axis=0) == 1
    turning = np.full(K, np.nan)
    coarse = 0.0
    if K > 1:
        norm = 0.5 * (np.maximum(mean[1:], 1e-300) + np.maximum(mean[:-1], 1e-300))
        both = one[1:] & one[:-1]
        cos = np.clip(turn_num / G / norm, -1, 1)
        phi = np.where(both, np.arccos(cos), np.nan)
        a = np.concatenate([[np.nan], phi])
        b = np.concatenate([phi, [np.nan]])
        turning = np.where(np.isnan(a), b, np.where(np.isnan(b), a, 0.5 * (a + b)))
        smooth = np.fmax(a, b) < np.pi / 3
        if correct_chord:
            h = np.where(smooth, np.maximum(turning, 1e-9) / 2, 1e-9)
            gain = h / np.sin(h)
            coarse = float((mean * gain).sum() / mean.sum() - 1) if mean.sum() > 0 else 0.0
            inc = inc * gain
    L[:, 1:] = np.cumsum(inc, axis=1)
    # segments: greedy, each as long as the window that resolved it
    stride = np.round(np.median(width, axis=0)).astype(np.int64)
    ends = [0]
    while ends[-1] < K:
        s = stride[ends[-1]]
        if s == 0:
            nz = np.flatnonzero(stride[ends[-1] :] > 0)
            s = nz[0] if nz.size else K
        ends.append(min(ends[-1] + int(s), K))
    ends = np.array(ends)
    grow = np.maximum.accumulate(np.maximum(L.mean(axis=0)[ends], 0))
    length = np.interp(steps, steps[ends], grow)
    # first-order influence of each split: the spread of its own length
    se = L.std(axis=0, ddof=1) / np.sqrt(G) * _T_FACTOR.get(G - 1, 1.0)
    se = np.interp(steps, steps[ends], se[ends])
    unresolved = 0.0
    if np.any(stride == 0):
        idx = np.flatnonzero(stride == 0)
        runs = np.split(idx, np.flatnonzero(np.diff(idx) > 1) + 1)
        add = np.zeros(T)
        for q in runs:
            a, b = q[0], q[-1] + 1
            p0, p1 = N[a] / n[a][:, None], N[b] / n[b][:, None]
            mid = 0.5 * (pool[a] / npool[a] + pool[b] / npool[b])
            d = (p1 - p0) / np.sqrt(np.where(mid > 0, mid, 1.0))
            M = d @ d.T
            own = np.trace(M)
            X = (M.sum() - own) / (G * (G - 1))
            sd = np.sqrt(2 * ((M - np.diag(np.diag(M))) ** 2).sum()) / (G * (G - 1))
            bound = 0.5 * np.sqrt(max(X, 0.0) + 2 * sd)
            unresolved += bound
            add[b:] += bound
            add[a:b] = np.maximum(add[a:b], add[a])
        se = np.sqrt(se**2 + add**2)
    return SplitLength(
        length,
        se,
        gamma2,
        gamma2_error,
        floor,
        ends,
        stride,
        turning,
        coarse,
        float(unresolved),
        int(np.median(ranks)),
    )
