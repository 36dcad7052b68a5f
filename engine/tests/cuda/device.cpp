// A device that is none: the functions of the driver, NVRTC and cuBLASLt that `engine` calls, on the processor, with the
// real device code run thread by thread. It shows that the host half is right: arguments, offsets, bands, streams that
// share weights, and what happens when something fails. It says nothing about CUDA itself.
//
// ASSAY_SIMULATE chooses what fails: see `simulated`.
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#define __device__
#define __global__
#define __forceinline__ inline

struct alignas(8) uint2 { unsigned int x, y; };
struct alignas(16) uint4 { unsigned int x, y, z, w; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline unsigned __float_as_uint(float value) {
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}
static inline int __float2int_rn(float value) { return (int)nearbyintf(value); }
static thread_local struct { unsigned x, y; } blockIdx, threadIdx, blockDim;

#include "kernels.cu"

// Whether this is what shall fail.
static bool simulated(const char *what) {
    const char *chosen = getenv("ASSAY_SIMULATE");
    return chosen && strcmp(chosen, what) == 0;
}

static void fail(const char *why) {
    fprintf(stderr, "simulated device: %s\n", why);
    abort();
}

// Memory: each allocation with a margin that nobody may write.
static const size_t MARGIN = 256, TOTAL = 4ull << 30;
static std::mutex memory_lock;
static std::map<uint64_t, size_t> allocated;
static size_t used;
static std::atomic<bool> lost;
static thread_local void *current;

// Whether the device is lost now: some launches after the file appears that ASSAY_LOSE names; it holds their number.
static bool loses() {
    static std::atomic<int> left{-1};
    if (left < 0) {
        FILE *file = fopen(getenv("ASSAY_LOSE"), "r");
        int number;
        if (!file) return false;
        if (fscanf(file, "%d", &number) == 1) left = number;
        fclose(file);
    }
    return left >= 0 && left-- == 0;
}

static size_t total() { return simulated("little-memory") ? 100u << 20 : TOTAL; }

static int allocate(uint64_t *at, size_t bytes) {
    std::lock_guard<std::mutex> guard(memory_lock);
    if (used + bytes > total()) return 2;
    void *memory;
    if (posix_memalign(&memory, 256, bytes + MARGIN) != 0) return 2;
    memset((char *)memory + bytes, 0xa5, MARGIN);
    *at = (uint64_t)memory;
    allocated[*at] = bytes;
    used += bytes;
    return 0;
}

static int release(uint64_t at) {
    std::lock_guard<std::mutex> guard(memory_lock);
    auto found = allocated.find(at);
    if (found == allocated.end()) fail("memory is freed that is not allocated");
    for (size_t i = 0; i < MARGIN; ++i)
        if (((unsigned char *)at)[found->second + i] != 0xa5) fail("something was written behind a buffer");
    used -= found->second;
    allocated.erase(found);
    free((void *)at);
    return 0;
}

template <typename... Arguments, size_t... Index>
static std::function<void(void **)> bound(void (*kernel)(Arguments...), std::index_sequence<Index...>) {
    return [kernel](void **arguments) { kernel(*(Arguments *)arguments[Index]...); };
}
template <typename... Arguments> static std::function<void(void **)> bind(void (*kernel)(Arguments...)) {
    return bound(kernel, std::index_sequence_for<Arguments...>());
}
typedef std::map<std::string, std::function<void(void **)>> Kernels;
static Kernels &kernels() {
#define KERNEL(name) {#name, bind(name)}
    static Kernels all = {KERNEL(weights_i8), KERNEL(weights_bf16), KERNEL(weights_f32), KERNEL(inputs_i8),
                          KERNEL(inputs_bf16), KERNEL(inputs_f32), KERNEL(widen_bf16), KERNEL(widen_f32),
                          KERNEL(requantise_i32_i8), KERNEL(requantise_f32_i8), KERNEL(requantise_f32_bf16),
                          KERNEL(requantise_f32_f32), KERNEL(leaves)};
    return all;
}

struct Layout { int type; uint64_t rows, columns; int64_t stride; };

static float of_bf16(unsigned short bits) {
    unsigned word = (unsigned)bits << 16;
    float value;
    memcpy(&value, &word, 4);
    return value;
}

template <typename Input, typename Sum, typename Widen>
static void multiply(const Layout &a, const Input *weights, const Layout &b, const Input *rows, Sum *sums, Widen widen) {
    for (uint64_t row = 0; row < b.columns; ++row)
        for (uint64_t column = 0; column < a.columns; ++column) {
            const Input *w = weights + column * a.stride, *x = rows + row * b.stride;
            Sum sum = 0;
            for (uint64_t k = 0; k < a.rows; ++k) sum += (Sum)widen(w[k]) * (Sum)widen(x[k]);
            sums[row * a.columns + column] = sum;
        }
}

extern "C" {
// The driver.
int cuInit(unsigned) { return simulated("no-device") ? 100 : simulated("mismatch") ? 803 : 0; }
int cuDriverGetVersion(int *version) {
    *version = simulated("ancient-driver") ? 11040 : simulated("old-driver") ? 12040 : 13000;
    return 0;
}
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return index < 2 ? 0 : 101; }
int cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "Simulated"); return 0; }
int cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 0xa0 + device, 16); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = total(); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    *value = attribute == 75 ? simulated("old-device") ? 6 : 9 : attribute == 76 ? 0 : 1;
    return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = (void *)(uintptr_t)(16 + device);
    return simulated("busy") ? 46 : 0;
}
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxGetCurrent(void **context) { *context = current; return 0; }
int cuCtxSetCurrent(void *context) { current = context; return 0; }
int cuCtxSynchronize() { return lost ? 700 : 0; }
int cuMemGetInfo_v2(size_t *free, size_t *all) {
    std::lock_guard<std::mutex> guard(memory_lock);
    *free = total() - used;
    *all = total();
    return lost ? 700 : 0;
}
int cuMemAllocAsync(uint64_t *at, size_t bytes, void *) { return lost ? 700 : allocate(at, bytes); }
int cuMemFreeAsync(uint64_t at, void *) { return release(at); }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
    memcpy((void *)to, from, bytes);
    return lost ? 700 : 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
    memcpy(to, (void *)from, bytes);
    return lost ? 700 : 0;
}
int cuStreamCreate(void **stream, unsigned) { *stream = malloc(1); return 0; }
int cuStreamDestroy_v2(void *stream) { free(stream); return 0; }
int cuStreamSynchronize(void *) { return lost ? 700 : 0; }
int cuEventCreate(void **event, unsigned) { *event = malloc(1); return 0; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuEventRecord(void *, void *) { return lost ? 700 : 0; }
int cuEventSynchronize(void *) { return lost ? 700 : 0; }
int cuModuleLoadData(void **module, const void *image) {
    *module = (void *)1;
    return memcmp(image, "\x7f" "ELF", 4) == 0 ? 0 : 200;
}
int cuModuleUnload(void *) { return 0; }
int cuModuleGetFunction(void **function, void *, const char *name) {
    auto found = kernels().find(name);
    if (found == kernels().end()) return 500;
    *function = &*found;
    return 0;
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned,
                   void *, void **arguments, void **) {
    if (z != 1 || ty != 1 || tz != 1 || y > 65535 || tx > 1024 || tx == 0 || x == 0 || y == 0) return 1;
    if (!current) fail("a launch without a context");
    if (simulated("lost") && loses()) lost = true;
    if (lost) return 700;
    auto &[name, kernel] = *(Kernels::value_type *)function;
    // Nobody looks at what a measurement computes, which is more than a test waits for.
    if (name.compare(0, 5, "widen") != 0 && (uint64_t)x * y * tx > 600000) return 0;
    blockDim.x = tx;
    for (blockIdx.y = 0; blockIdx.y < y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < x; ++blockIdx.x)
            for (threadIdx.x = 0; threadIdx.x < tx; ++threadIdx.x) kernel(arguments);
    return 0;
}

// NVRTC.
int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }
int nvrtcGetNumSupportedArchs(int *count) { *count = 2; return 0; }
int nvrtcGetSupportedArchs(int *archs) { archs[0] = 90; archs[1] = 80; return 0; }
int nvrtcCreateProgram(void **program, const char *, const char *, int, const char *const *, const char *const *) {
    *program = malloc(1);
    return 0;
}
int nvrtcDestroyProgram(void **program) { free(*program); return 0; }
int nvrtcCompileProgram(void *, int count, const char *const *options) {
    return count > 0 && strcmp(options[0], "--gpu-architecture=sm_90") == 0 ? 0 : 6;
}
int nvrtcGetCUBINSize(void *, size_t *size) { *size = 4; return 0; }
int nvrtcGetCUBIN(void *, char *code) { memcpy(code, "\x7f" "ELF", 4); return 0; }
int nvrtcGetProgramLogSize(void *, size_t *size) { *size = 1; return 0; }
int nvrtcGetProgramLog(void *, char *log) { *log = 0; return 0; }

// cuBLASLt.
struct Operation { int arithmetic, scale, transposed; };
size_t cublasLtGetVersion() { return 130100; }
int cublasLtCreate(void **handle) {
    if (!current) fail("cuBLASLt is started without a context");
    *handle = malloc(1);
    return 0;
}
int cublasLtDestroy(void *handle) { free(handle); return 0; }
int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    *layout = new Layout{type, rows, columns, stride};
    return 0;
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { delete layout; return 0; }
int cublasLtMatmulDescCreate(Operation **operation, int arithmetic, int scale) {
    *operation = new Operation{arithmetic, scale, 0};
    return 0;
}
int cublasLtMatmulDescDestroy(Operation *operation) { delete operation; return 0; }
int cublasLtMatmulDescSetAttribute(Operation *operation, int attribute, const void *value, size_t bytes) {
    if (attribute != 3 || bytes != 4) return 7;
    operation->transposed = *(const int *)value;
    return 0;
}
int cublasLtMatmulPreferenceCreate(void **preference) { *preference = malloc(1); return 0; }
int cublasLtMatmulPreferenceDestroy(void *preference) { free(preference); return 0; }
int cublasLtMatmulPreferenceSetAttribute(void *, int, const void *, size_t) { return 0; }
struct Heuristic { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; };
int cublasLtMatmulAlgoGetHeuristic(void *, Operation *operation, Layout *a, Layout *, Layout *, Layout *, void *, int,
                                   Heuristic *result, int *count) {
    *count = 0;
    if (a->type == 14 && simulated("no-bf16")) return 15;
    if (operation->transposed != 1) return 15;
    memset(result, 0, sizeof *result);
    *count = 1;
    return 0;
}

int cublasLtMatmul(void *, Operation *operation, const void *alpha, const void *weights, Layout *a, const void *rows,
                   Layout *b, const void *beta, const void *c, Layout *, void *sums, Layout *d, const void *,
                   void *workspace, size_t bytes, void *) {
    if (!current) fail("a product without a context");
    for (const void *operand : {weights, rows, (const void *)sums, (const void *)workspace})
        if ((uintptr_t)operand % 256 != 0) fail("an operand is not aligned as the heuristic takes for granted");
    bool whole = operation->arithmetic == 72;
    bool scaled = whole ? *(const int *)alpha == 1 && *(const int *)beta == 0
                        : *(const float *)alpha == 1 && *(const float *)beta == 0;
    if (!scaled || c != sums || bytes != 32u << 20 || operation->scale != (whole ? 10 : 0) || d->type != operation->scale)
        return 7;
    if (a->rows != b->rows || d->rows != a->columns || d->columns != b->columns) return 7;
    // The same for products.
    if (a->rows * a->columns * b->columns > 6000000000ull) return 0;
    switch (a->type) {
    case 3: multiply(*a, (const signed char *)weights, *b, (const signed char *)rows, (int *)sums, [](int v) { return v; }); break;
    case 14: multiply(*a, (const unsigned short *)weights, *b, (const unsigned short *)rows, (float *)sums, of_bf16); break;
    case 0: multiply(*a, (const float *)weights, *b, (const float *)rows, (float *)sums, [](float v) { return v; }); break;
    default: return 15;
    }
    if (a->type == 3 && simulated("wrong-int8")) *(int *)sums ^= 1;
    return lost ? 13 : 0;
}
}
