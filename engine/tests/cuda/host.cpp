// The device code, compiled for the processor and run thread by thread: what CUDA has and C++ has not, and one command
// for each kind of kernel. Takes a launch as arguments and buffers on standard input; writes the result.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

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

static struct { unsigned x, y; } blockIdx, threadIdx, blockDim;

#include "kernels.cu"

static std::vector<char> input() {
    std::vector<char> all;
    char part[65536];
    size_t read;
    while ((read = fread(part, 1, sizeof part, stdin)) > 0) all.insert(all.end(), part, part + read);
    return all;
}

#ifdef __SANITIZE_ADDRESS__
static const size_t BEHIND = 0;
#else
static const size_t BEHIND = 256;
#endif

// A buffer of its own, aligned as those of a device are. A step beyond its end is seen by the sanitizer, or by `put`.
static char *buffer(size_t bytes, const char *from) {
    void *at = nullptr;
    if (posix_memalign(&at, 256, bytes + BEHIND) != 0) exit(4);
    // Whatever was there before must not matter.
    memset(at, 0xa5, bytes + BEHIND);
    if (from) memcpy(at, from, bytes);
    return (char *)at;
}

static char **argument;
static unsigned long long number() { return strtoull(*argument++, nullptr, 10); }
static Key key() {
    Key key;
    for (u32 &word : key.words) word = (u32)number();
    return key;
}

template <typename Kernel> static void launch(Kernel kernel) {
    unsigned blocks_x = number(), blocks_y = number();
    blockDim.x = number();
    for (blockIdx.y = 0; blockIdx.y < blocks_y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < blocks_x; ++blockIdx.x)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) kernel();
}

// Writes the buffer; what lies behind it must be untouched.
static void put(const char *at, size_t bytes) {
    for (size_t i = bytes; i < bytes + BEHIND; ++i)
        if ((unsigned char)at[i] != 0xa5) {
            fprintf(stderr, "byte %zu was written, behind the end at %zu\n", i, bytes);
            exit(3);
        }
    fwrite(at, 1, bytes, stdout);
}

int main(int, char **arguments) {
    argument = arguments + 1;
    std::string name = *argument++;
    std::vector<char> in = input();
    u64 values = number();
    size_t size = name.find("_i8") != std::string::npos ? 1 : name.find("_bf16") != std::string::npos ? 2 : 4;
    if (name == "leaves") size = 0;
    char *out = buffer(name == "leaves" ? values * 32 : values * size, nullptr);
    if (name.find("weights") == 0 || name.find("inputs") == 0) {
        Key k = key();
        u64 first = number();
#define FILL(kernel, type) if (name == #kernel) launch([&] { kernel((type *)out, k, first, values); });
        FILL(weights_i8, signed char) FILL(weights_bf16, Bf16) FILL(weights_f32, float)
        FILL(inputs_i8, signed char) FILL(inputs_bf16, Bf16) FILL(inputs_f32, float)
    } else if (name.find("widen") == 0) {
        const signed char *bytes = (const signed char *)buffer(values, in.data());
        if (name == "widen_bf16") launch([&] { widen_bf16((Bf16 *)out, bytes, values); });
        if (name == "widen_f32") launch([&] { widen_f32((float *)out, bytes, values); });
    } else if (name.find("requantise") == 0) {
        u32 width = number();
        const char *sums = buffer(values * 4, in.data());
        const u32 *salts = (const u32 *)buffer(width * 4, in.data() + values * 4);
#define KEEP(kernel, sum, type) \
    if (name == #kernel) launch([&] { kernel((type *)out, (const sum *)sums, salts, width); });
        KEEP(requantise_i32_i8, int, signed char) KEEP(requantise_f32_i8, float, signed char)
        KEEP(requantise_f32_bf16, float, Bf16) KEEP(requantise_f32_f32, float, float)
    } else if (name == "leaves") {
        u32 width = number(), chain = number(), round = number(), first = number();
        Key k = key();
        const signed char *rows = (const signed char *)buffer(values * width, in.data());
        launch([&] { leaves((u32 *)out, rows, width, (u32)values, chain, round, first, k); });
    }
    put(out, name == "leaves" ? values * 32 : values * size);
}
