"""The software renderer's inner loops (numba): normals, visibility, shadow map, shading.

Pictures are linear RGB float32. A visible pixel is kept as triangle and two barycentric weights, shaded once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LASH, SOCKET, HAIR, EYE, TEETH = 5, 6, 7, 4, 3


@njit(fastmath=True, cache=True)
def normals(points, triangles, out):
    """Unit vertex normals of points (V, 3) into out (V, 3), weighted by area."""
    out[:] = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for q in (a, b, c):
            out[q, 0] += nx
            out[q, 1] += ny
            out[q, 2] += nz
    for i in range(out.shape[0]):
        length = math.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length


@njit(fastmath=True, cache=True)
def displace(points, index, offsets, amount):
    """points[index] += amount * offsets, in place; index (k,), offsets (k, 3)."""
    for k in range(index.shape[0]):
        for c in range(3):
            points[index[k], c] += amount * offsets[k, c]


@njit(fastmath=True, cache=True)
def flat(points, triangles, index, weights):
    """Fill index (H, W) and weights (H, W, 2) with the triangle over each pixel; points (V, 3), x and y in px."""
    height, width = index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        for j in range(max(int(min(y0, y1, y2) - 1), 0), min(int(max(y0, y1, y2) + 1), height - 1) + 1):
            for i in range(max(int(min(x0, x1, x2) - 1), 0), min(int(max(x0, x1, x2) + 1), width - 1) + 1):
                px, py = i + 0.5, j + 0.5
                l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if l1 >= -1e-3 and l2 >= -1e-3 and l1 + l2 <= 1.001:
                    index[j, i], weights[j, i, 0], weights[j, i, 1] = t, l1, l2


@njit(fastmath=True, cache=True)
def _span(a, b, c, limit):
    """The first and last pixel whose middle lies between three coordinates, inside a picture ``limit`` wide."""
    return max(int(math.ceil(min(a, b, c) - 0.5)), 0), min(int(math.floor(max(a, b, c) - 0.5)), limit - 1)


@njit(fastmath=True, cache=True)
def visible(points, triangles, materials, triangles_uv, uv, strands, nearness, index, weights):
    """Which triangle shows in each pixel. points (V, 3): x, y in px, depth > 0. strands (R, R, 5): hair, channel 4
    its opacity, tested at 0.5; lashes are bands of hairs. nearness (H, W) must come as 0 and index (H, W) as -1."""
    height, width = nearness.shape
    side = strands.shape[0]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        m = materials[t]
        thin = m == LASH or m >= HAIR
        if (area >= 0 and not thin) or abs(area) < 1e-9:
            continue
        left, right = _span(x0, x1, x2, width)
        top, low = _span(y0, y1, y2, height)
        if right < left or low < top:
            continue
        inverse, w0, w1, w2 = 1.0 / area, 1.0 / points[a, 2], 1.0 / points[b, 2], 1.0 / points[c, 2]
        ta, tb, tc = triangles_uv[t, 0], triangles_uv[t, 1], triangles_uv[t, 2]
        for j in range(top, low + 1):
            py = j + 0.5
            for i in range(left, right + 1):
                px = i + 0.5
                l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                l0 = 1.0 - l1 - l2
                if l0 < 0 or l1 < 0 or l2 < 0:
                    continue
                near = l0 * w0 + l1 * w1 + l2 * w2
                if near <= nearness[j, i]:
                    continue
                l1, l2 = l1 * w1 / near, l2 * w2 / near
                if m == HAIR:
                    l0 = 1.0 - l1 - l2
                    u = uv[ta, 0] * l0 + uv[tb, 0] * l1 + uv[tc, 0] * l2
                    v = uv[ta, 1] * l0 + uv[tb, 1] * l1 + uv[tc, 1] * l2
                    if strands[min(int(v * side), side - 1), int(u * side) % side, 4] < 0.5:
                        continue
                nearness[j, i], index[j, i], weights[j, i, 0], weights[j, i, 1] = near, t, l1, l2


@njit(fastmath=True, cache=True)
def shadow_map(points, triangles, materials, out):
    """The nearest z towards the light per texel of out (S, S); points (V, 3): x, y in texels, z towards the light."""
    side = out.shape[0]
    for t in range(triangles.shape[0]):
        m = materials[t]
        if m != 0 and m != 1 and m != HAIR:
            continue
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if (area > -1e-9 and m < HAIR) or abs(area) < 1e-9:
            continue
        left, right = _span(x0, x1, x2, side)
        top, low = _span(y0, y1, y2, side)
        for j in range(top, low + 1):
            for i in range(left, right + 1):
                px, py = i + 0.5, j + 0.5
                l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if l1 < 0 or l2 < 0 or l1 + l2 > 1:
                    continue
                z = (1 - l1 - l2) * points[a, 2] + l1 * points[b, 2] + l2 * points[c, 2]
                if z > out[j, i]:
                    out[j, i] = z


@njit(fastmath=True, cache=True)
def _lit(shadows, transform, px, py, pz):
    """The share of the key light that reaches a point, in [0, 1]: four texels, blended."""
    side = shadows.shape[0]
    x = transform[0, 0] * px + transform[0, 1] * py + transform[0, 2] * pz + transform[0, 3] - np.float32(0.5)
    y = transform[1, 0] * px + transform[1, 1] * py + transform[1, 2] * pz + transform[1, 3] - np.float32(0.5)
    z = transform[2, 0] * px + transform[2, 1] * py + transform[2, 2] * pz + np.float32(0.5)
    i, j = int(x), int(y)
    if i < 0 or j < 0 or i >= side - 1 or j >= side - 1:
        return np.float32(1)
    fx, fy = x - i, y - j
    a, b = np.float32(shadows[j, i] <= z), np.float32(shadows[j, i + 1] <= z)
    c, d = np.float32(shadows[j + 1, i] <= z), np.float32(shadows[j + 1, i + 1] <= z)
    return (a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy


@njit(fastmath=True, cache=True)
def shade(index, weights, triangles, materials, triangles_uv, points, facing, uv, textures, relief, flats, eyes,
          occlusion, lights, colours, below, above, shadows, transform, camera, skin, out):
    """Fill out (H, W, 3) where index (H, W) >= 0.

    points, facing (V, 3) in camera space; textures (4, R, R, 5): face, head, eye, strands: linear rgb, gloss,
    translucency (strands: opacity); relief (R, R) height of the face's skin in cm; flats (M, 5) by material;
    eyes (2, 12): centre, then the frame (right, up, forward) of each; occlusion (H, W) in [0, 1]; lights (L, 3)
    unit vectors, the first casts shadows; colours (L, 3); below, above (3,) ambient; skin (2,): gloss, wrap.
    """
    height, width = index.shape
    side = textures.shape[1]
    one, half, none = np.float32(1), np.float32(0.5), np.float32(0)
    for j in range(height):
        for i in range(width):
            t = index[j, i]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            l1, l2 = weights[j, i, 0], weights[j, i, 1]
            l0 = one - l1 - l2
            m = materials[t]
            px = points[a, 0] * l0 + points[b, 0] * l1 + points[c, 0] * l2
            py = points[a, 1] * l0 + points[b, 1] * l1 + points[c, 1] * l2
            pz = points[a, 2] * l0 + points[b, 2] * l1 + points[c, 2] * l2
            nx = facing[a, 0] * l0 + facing[b, 0] * l1 + facing[c, 0] * l2
            ny = facing[a, 1] * l0 + facing[b, 1] * l1 + facing[c, 1] * l2
            nz = facing[a, 2] * l0 + facing[b, 2] * l1 + facing[c, 2] * l2
            ta, tb, tc = triangles_uv[t, 0], triangles_uv[t, 1], triangles_uv[t, 2]
            u = uv[ta, 0] * l0 + uv[tb, 0] * l1 + uv[tc, 0] * l2
            v = uv[ta, 1] * l0 + uv[tb, 1] * l1 + uv[tc, 1] * l2
            q = one / math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
            nx, ny, nz = nx * q, ny * q, nz * q
            vx, vy, vz = camera[0] - px, camera[1] - py, camera[2] - pz
            q = one / math.sqrt(vx * vx + vy * vy + vz * vz)
            vx, vy, vz = vx * q, vy * q, vz * q
            occ, wet, rough = occlusion[j, i], False, False
            if m <= 1:
                x = min(max((u - m) * side - half, none), np.float32(side - 1.01))
                y = min(max((one - v) * side - half, none), np.float32(side - 1.01))
                ii, jj = int(x), int(y)
                fx, fy = x - ii, y - jj
                p00, p10, p01, p11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
                s = textures[m]
                r = s[jj, ii, 0] * p00 + s[jj, ii + 1, 0] * p10 + s[jj + 1, ii, 0] * p01 + s[jj + 1, ii + 1, 0] * p11
                g = s[jj, ii, 1] * p00 + s[jj, ii + 1, 1] * p10 + s[jj + 1, ii, 1] * p01 + s[jj + 1, ii + 1, 1] * p11
                bl = s[jj, ii, 2] * p00 + s[jj, ii + 1, 2] * p10 + s[jj + 1, ii, 2] * p01 + s[jj + 1, ii + 1, 2] * p11
                spec, sss = s[jj, ii, 3] * skin[0], s[jj, ii, 4] * skin[1]
                rough = s[jj, ii, 4] < 0.3
                if m == 0:
                    d00, d10, d01, d11 = relief[jj, ii], relief[jj, ii + 1], relief[jj + 1, ii], relief[jj + 1, ii + 1]
                    depth = d00 * p00 + d10 * p10 + d01 * p01 + d11 * p11
                    occ *= max(one + np.float32(2.2) * min(depth, none), np.float32(0.35))  # furrows gather shadow
                    hu = ((d10 - d00) * (one - fy) + (d11 - d01) * fy) * side
                    hv = -((d01 - d00) * (one - fx) + (d11 - d10) * fx) * side
                    du1, dv1 = uv[tb, 0] - uv[ta, 0], uv[tb, 1] - uv[ta, 1]
                    du2, dv2 = uv[tc, 0] - uv[ta, 0], uv[tc, 1] - uv[ta, 1]
                    det = du1 * dv2 - du2 * dv1
                    if abs(det) > 1e-12:
                        e1x, e2x = points[b, 0] - points[a, 0], points[c, 0] - points[a, 0]
                        e1y, e2y = points[b, 1] - points[a, 1], points[c, 1] - points[a, 1]
                        e1z, e2z = points[b, 2] - points[a, 2], points[c, 2] - points[a, 2]
                        q = one / det
                        tx, bx = (e1x * dv2 - e2x * dv1) * q, (e2x * du1 - e1x * du2) * q
                        ty, by = (e1y * dv2 - e2y * dv1) * q, (e2y * du1 - e1y * du2) * q
                        tz, bz = (e1z * dv2 - e2z * dv1) * q, (e2z * du1 - e1z * du2) * q
                        hu /= tx * tx + ty * ty + tz * tz + np.float32(1e-9)
                        hv /= bx * bx + by * by + bz * bz + np.float32(1e-9)
                        nx, ny, nz = nx - tx * hu - bx * hv, ny - ty * hu - by * hv, nz - tz * hu - bz * hv
                        q = one / math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
                        nx, ny, nz = nx * q, ny * q, nz * q
            elif m == EYE:
                e = eyes[0] if (px - eyes[0, 0]) ** 2 + (py - eyes[0, 1]) ** 2 + (pz - eyes[0, 2]) ** 2 < (
                    px - eyes[1, 0]) ** 2 + (py - eyes[1, 1]) ** 2 + (pz - eyes[1, 2]) ** 2 else eyes[1]
                dx, dy, dz = px - e[0], py - e[1], pz - e[2]
                q = one / math.sqrt(dx * dx + dy * dy + dz * dz + np.float32(1e-9))
                x = (dx * e[3] + dy * e[4] + dz * e[5]) * q
                y = (dx * e[6] + dy * e[7] + dz * e[8]) * q
                ii = min(max(int((half + half * x) * side), 0), side - 1)
                jj = min(max(int((half - half * y) * side), 0), side - 1)
                r, g, bl = textures[2, jj, ii, 0], textures[2, jj, ii, 1], textures[2, jj, ii, 2]
                spec, sss, wet = none, np.float32(0.1), True
                occ *= np.float32(0.8)  # lashes and lids shade the eye
            elif m == HAIR:
                ii, jj = int(u * side) % side, min(int(v * side), side - 1)
                r, g, bl = textures[3, jj, ii, 0], textures[3, jj, ii, 1], textures[3, jj, ii, 2]
                spec, sss, rough = textures[3, jj, ii, 3], np.float32(0.15), True
                if nx * vx + ny * vy + nz * vz < 0:
                    nx, ny, nz = -nx, -ny, -nz
            else:
                r, g, bl, spec, sss = flats[m, 0], flats[m, 1], flats[m, 2], flats[m, 3], flats[m, 4]
                if m == SOCKET:
                    occ *= np.float32(0.35)
            up = half + half * ny
            sr = r * (below[0] * (one - up) + above[0] * up) * occ
            sg = g * (below[1] * (one - up) + above[1] * up) * occ
            sb = bl * (below[2] * (one - up) + above[2] * up) * occ
            wg, wb = sss * np.float32(0.45), sss * np.float32(0.3)
            for k in range(lights.shape[0]):
                nl = nx * lights[k, 0] + ny * lights[k, 1] + nz * lights[k, 2]
                if nl < -sss:
                    continue
                lit = np.float32(0.55) + np.float32(0.45) * occ
                if k == 0:
                    lit *= _lit(shadows, transform, px, py, pz)
                sr += r * colours[k, 0] * max((nl + sss) / (one + sss), none) * lit
                sg += g * colours[k, 1] * max((nl + wg) / (one + wg), none) * lit
                sb += bl * colours[k, 2] * max((nl + wb) / (one + wb), none) * lit
                if nl > 0:
                    hx, hy, hz = lights[k, 0] + vx, lights[k, 1] + vy, lights[k, 2] + vz
                    q = one / math.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9))
                    nh = (nx * hx + ny * hy + nz * hz) * q
                    if nh > 0:
                        n2 = nh * nh
                        n8 = n2 * n2 * n2 * n2
                        grazing = one - (vx * hx + vy * hy + vz * hz) * q
                        fresnel = np.float32(0.74) + np.float32(5.8) * grazing ** 5
                        shine = spec * (n8 if rough else n8 * n8 * n2) * nl * lit * fresnel
                        if wet:
                            n32 = n8 * n8 * n8 * n8
                            shine += half * n32 ** 6 * lit + np.float32(0.03) * n32
                        sr += shine * colours[k, 0]
                        sg += shine * colours[k, 1]
                        sb += shine * colours[k, 2]
            out[j, i, 0], out[j, i, 1], out[j, i, 2] = sr, sg, sb
