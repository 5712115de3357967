// The arithmetic of trainer.js: the layers of a network, their gradients, Adam.
//
// Compiled to WebAssembly with 128-bit vectors by `python -m tools.build_kernel`. Matrices are
// stored by rows; a layer is y = x W + b with W (n_in, n_out), the transpose of torch's.
// Only + − × ÷ and √ are used, which IEEE 754 fixes: every browser gets the same bits.

typedef float vec __attribute__((vector_size(16), aligned(4)));
typedef int ints __attribute__((vector_size(16)));

#define VECTORS 4               // accumulators in registers
#define COLUMNS (4 * VECTORS)
#define MOST 4096               // rows of a batch, or inputs of a layer

static int index_of[MOST];      // of the numbers that are not zero,
static float value_of[MOST];    // and these numbers

// y[j] = start[j] + Σᵢ valueᵢ a[indexᵢ, j], for `count` listed rows of a, each m wide.
static void add_rows(int count, const float *a, const float *start, float *y, int m) {
  int j = 0;
  for (; j + COLUMNS <= m; j += COLUMNS) {
    vec sum[VECTORS] = {};
    if (start)
      for (int c = 0; c < VECTORS; c++) sum[c] = *(const vec *)(start + j + 4 * c);
    for (int i = 0; i < count; i++) {
      const float *row = a + index_of[i] * m + j;
      for (int c = 0; c < VECTORS; c++) sum[c] += value_of[i] * *(const vec *)(row + 4 * c);
    }
    for (int c = 0; c < VECTORS; c++) *(vec *)(y + j + 4 * c) = sum[c];
  }
  for (; j < m; j++) {
    float sum = start ? start[j] : 0;
    for (int i = 0; i < count; i++) sum += value_of[i] * a[index_of[i] * m + j];
    y[j] = sum;
  }
}

// Lists the nonzero among count numbers, `stride` apart: most pixels are white, and half of
// the hidden units are off.
static int list_nonzero(const float *x, int count, int stride) {
  int listed = 0;
  for (int i = 0; i < count; i++) {
    index_of[listed] = i;
    value_of[listed] = x[i * stride];
    listed += x[i * stride] != 0;
  }
  return listed;
}

// y = x W + b, (rows, n) -> (rows, m); with relu, max(0, y).
void forward(const float *x, const float *w, const float *b, float *y, int rows, int n,
             int m, int relu) {
  for (int r = 0; r < rows; r++, x += n, y += m) {
    add_rows(list_nonzero(x, n, 1), w, b, y, m);
    if (relu)
      for (int j = 0; j < m; j++) y[j] = y[j] > 0 ? y[j] : 0;
  }
}

// dx[k] = Σⱼ dy[j] w[k, j] for four rows k of w, m wide.
static void four_dots(const float *dy, const float *w, const int *k, float *dx, int m) {
  vec sum[4] = {};
  int j = 0;
  for (; j + 4 <= m; j += 4)
    for (int c = 0; c < 4; c++) sum[c] += *(const vec *)(dy + j) * *(const vec *)(w + k[c] * m + j);
  for (int c = 0; c < 4; c++) {
    float total = sum[c][0] + sum[c][1] + sum[c][2] + sum[c][3];
    for (int i = j; i < m; i++) total += dy[i] * w[k[c] * m + i];
    dx[k[c]] = total;
  }
}

// Gradients of a layer from dy: dw = xᵀ dy, db = Σ dy, and dx = dy Wᵀ unless it is 0. After a
// ReLU (relu = 1), dx is zero where x is.
void backward(const float *x, const float *w, const float *dy, float *dw, float *db,
              float *dx, int rows, int n, int m, int relu) {
  for (int k = 0; k < n; k++) add_rows(list_nonzero(x + k, rows, n), dy, 0, dw + k * m, m);
  for (int r = 0; r < rows; r++) index_of[r] = r, value_of[r] = 1;
  add_rows(rows, dy, 0, db, m);
  if (!dx) return;
  for (int r = 0; r < rows; r++, x += n, dx += n, dy += m) {
    int listed = 0;
    for (int k = 0; k < n; k++) {
      dx[k] = 0;
      index_of[listed] = k;
      listed += !relu || x[k] > 0;
    }
    for (; listed % 4; listed++) index_of[listed] = index_of[listed - 1];
    for (int i = 0; i < listed; i += 4) four_dots(dy, w, index_of + i, dx, m);
  }
}

// Adam with β₁ = 0.9, β₂ = 0.999: `rate` is the learning rate with both bias corrections.
void adam(float *p, const float *g, float *mean, float *square, int count, float rate,
          float epsilon) {
  for (int i = 0; i < count; i++) {
    mean[i] += 0.1f * (g[i] - mean[i]);
    square[i] += 0.001f * (g[i] * g[i] - square[i]);
    p[i] -= rate * mean[i] / (__builtin_sqrtf(square[i]) + epsilon);
  }
}

// eˣ for x < 88: 2ᵏ times the Taylor polynomial on [−½ log 2, ½ log 2]; 0 below −87.
static vec exp4(vec x) {
  vec k = __builtin_elementwise_floor(x * 1.44269504f + 0.5f);
  vec r = x - k * 0.693359375f + k * 2.12194440e-4f;
  vec sum = 1 + r * (1 + r * (1 / 2.f + r * (1 / 6.f + r * (1 / 24.f + r * (1 / 120.f +
            r * (1 / 720.f))))));
  ints power = (__builtin_convertvector(k, ints) + 127) << 23;
  return (vec)((ints)(sum * (vec)power) & ~(x <= -87));  // NaN stays NaN
}

// log x for x > 0: of the mantissa, in [√½, √2], by the series of artanh.
static vec log4(vec x) {
  ints k = ((ints)x - 0x3f3504f3) >> 23;
  vec mantissa = (vec)((ints)x - (k << 23));
  vec s = (mantissa - 1) / (mantissa + 1), q = s * s;
  vec sum = 2 * s * (1 + q * (1 / 3.f + q * (1 / 5.f + q * (1 / 7.f + q * (1 / 9.f)))));
  return __builtin_convertvector(k, vec) * 0.693147181f + sum;
}

float exp(float x) { return x > 88 ? __builtin_inff() : exp4((vec){x})[0]; }
float log(float x) { return log4((vec){x})[0]; }

// For `count` pixels x, a multiple of four: d = scale (sigmoid(y) − x), the gradient of
// scale (−log Bernoulli(x; sigmoid(y))) by the logits y.  -> −log Bernoulli, nats
float bernoulli(const float *x, const float *y, float *d, int count, float scale) {
  vec sum = {};
  for (int j = 0; j < count; j += 4) {
    vec pixel = *(const vec *)(x + j), logit = *(const vec *)(y + j);
    vec positive = (vec)((ints)logit & (logit > 0));
    vec e = exp4(logit - 2 * positive);  // e^−|logit|, which cannot overflow
    vec half = 0.5f * (1 - e) / (1 + e);  // |sigmoid(y) − ½|
    sum += positive - pixel * logit + log4(1 + e);
    vec sigmoid = 0.5f + (vec)((ints)half | ((ints)logit & (-2147483647 - 1)));
    *(vec *)(d + j) = scale * (sigmoid - pixel);
  }
  return sum[0] + sum[1] + sum[2] + sum[3];
}
