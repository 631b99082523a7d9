/* The blend loops of scorp_ns/render/cpu/blend_rgb.py in C with vectors of sixteen: the limit to compare with.
   Records and state are laid out as there. Image widths are whole numbers of tiles, heights need not be. */
#include <string.h>

typedef float lanes __attribute__((vector_size(64)));
typedef int bits __attribute__((vector_size(64)));
enum { K0, KX, KY, KXX, KXY, KYY, OX, OY, CX, CY, FIRST, END, R, G, B };

static const lanes CENTRES = {.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f, 8.5f, 9.5f, 10.5f, 11.5f, 12.5f, 13.5f,
                              14.5f, 15.5f};

static inline lanes where(bits mask, lanes value) { return (lanes)(mask & (bits)value); }

static inline lanes alpha_at(const float *k, lanes x, float y) {
    lanes p = x * (x * k[KXX] + (k[KX] + k[KXY] * y)) + (k[K0] + y * (k[KY] + k[KYY] * y));
    lanes shifted = p + 12582912.0f, f = p - (shifted - 12582912.0f);
    lanes v = f * 0.001327647129073739f + 0.009675541892647743f;
    v = v * f + 0.05550713092088699f;
    v = v * f + 0.24022120237350464f;
    v = v * f + 0.6931469440460205f;
    v = v * f + 1.0000001192092896f;
    return where(p >= -7.9943534f, (lanes)((bits)v + ((bits)shifted << 23)));
}

static inline lanes clamped(lanes alpha) {
    bits low = alpha < 0.999f;
    return where(low, alpha) + where(~low, (lanes){} + 0.999f);
}

static inline lanes negative(lanes value) { return (lanes)((bits)value | (int)0x80000000); }

static inline float total(lanes v) {
    float sum = 0;
    for (int j = 0; j < 16; j++) sum += v[j];
    return sum;
}

void forward(int tiles, const int *offsets, const int *drawn, const float *records, int width, int height,
             int across_tiles, float *image, float *light) {
    lanes T[16], c[3][16];
    for (int tile = 0; tile < tiles; tile++) {
        for (int i = 0; i < 16; i++) T[i] = (lanes){} + 1.0f, c[0][i] = c[1][i] = c[2][i] = (lanes){};
        for (int n = offsets[tile]; n < drawn[tile]; n++) {
            const float *k = records + 16L * n;
            lanes x = CENTRES - k[OX];
            float red = k[R], green = k[G], blue = k[B], below = 0.5f - k[OY];
            for (int row = (int)k[FIRST], end = (int)k[END]; row < end; row++) {
                lanes weight = clamped(alpha_at(k, x, row + below)) * T[row], after = T[row] - weight;
                bits alive = after > 1e-4f;
                weight = where(alive, weight);
                T[row] = where(alive, after) + where(~alive, negative(T[row]));
                c[0][row] += weight * red, c[1][row] += weight * green, c[2][row] += weight * blue;
            }
        }
        long top = tile / across_tiles * 16L, corner = top * width + tile % across_tiles * 16L;
        for (int i = 0; i < 16 && top + i < height; i++)
            for (int j = 0; j < 16; j++) {
                long at = corner + (long)i * width + j;
                light[at] = T[i][j] < 0 ? -T[i][j] : T[i][j];
                for (int k = 0; k < 3; k++) image[3 * at + k] = c[k][i][j];
            }
    }
}

void backward(int tiles, const int *offsets, const int *drawn, const int *slots, const float *records, int width,
              int height, int across_tiles, const float *image, const float *g_image, float *out) {
    lanes T[16], rest[16], g[3][16];
    for (int tile = 0; tile < tiles; tile++) {
        long top = tile / across_tiles * 16L, corner = top * width + tile % across_tiles * 16L;
        for (int i = 0; i < 16 && top + i < height; i++) {
            T[i] = (lanes){} + 1.0f, rest[i] = (lanes){};
            for (int j = 0; j < 16; j++)
                for (int k = 0; k < 3; k++) {
                    long at = 3 * (corner + (long)i * width + j) + k;
                    g[k][i][j] = g_image[at];
                    rest[i][j] += g_image[at] * image[at];
                }
        }
        for (int n = offsets[tile]; n < drawn[tile]; n++) {
            const float *k = records + 16L * n;
            lanes x = CENTRES - k[OX], u0 = {}, u1 = {}, u2 = {}, reds = {}, greens = {}, blues = {};
            float red = k[R], green = k[G], blue = k[B], below = 0.5f - k[OY];
            for (int row = (int)k[FIRST], end = (int)k[END]; row < end; row++) {
                float y = row + below;
                lanes raw = alpha_at(k, x, y), alpha = clamped(raw), weight = alpha * T[row], after = T[row] - weight;
                bits alive = after > 1e-4f;
                weight = where(alive, weight);
                T[row] = where(alive, after) + where(~alive, negative(T[row]));
                lanes pull = weight * (red * g[0][row] + green * g[1][row] + blue * g[2][row]);
                rest[row] -= pull;
                lanes u = where(alive & (raw <= 0.999f), pull - alpha * rest[row] / (1.0f - alpha));
                u0 += u, u1 += u * y, u2 += u * (y * y);
                reds += weight * g[0][row], greens += weight * g[1][row], blues += weight * g[2][row];
            }
            float sums[9] = {total(u0), total(u0 * x), total(u1), total(u0 * x * x), total(u1 * x), total(u2),
                             total(reds), total(greens), total(blues)};
            memcpy(out + 9L * slots[n], sums, sizeof sums);
        }
    }
}
