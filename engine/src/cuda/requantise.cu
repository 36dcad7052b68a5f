// What is kept of the sums of a layer: the top five bits of a full mix with the salt of the column.

__device__ __forceinline__ u32 mix32(u32 h) {
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ (h >> 16);
}

// The value as a byte. A sum in f32 is a whole number.
__device__ __forceinline__ u32 kept(int sum, u32 salt) {
    return ((mix32((u32)sum ^ salt) >> 27) - 16u) & 0xffu;
}

__device__ __forceinline__ u32 kept(float sum, u32 salt) {
    return kept(__float2int_rn(sum), salt);
}

__device__ __forceinline__ int4 load_four(const int *sums) {
    return *(const int4 *)sums;
}

__device__ __forceinline__ float4 load_four(const float *sums) {
    return *(const float4 *)sums;
}

// A thread for each four columns, blocks along y for rows.
template <typename Sum, typename Value>
__device__ __forceinline__ void requantise(Value *out, const Sum *sums, const u32 *salts, u32 width) {
    u32 column = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
    if (column >= width) {
        return;
    }
    u64 at = (u64)blockIdx.y * width + column;
    auto four = load_four(sums + at);
    uint4 salt = *(const uint4 *)(salts + column);
    store(out + at, kept(four.x, salt.x) | kept(four.y, salt.y) << 8 | kept(four.z, salt.z) << 16 |
                        kept(four.w, salt.w) << 24);
}

extern "C" __global__ void requantise_i32_i8(signed char *out, const int *sums, const u32 *salts, u32 width) {
    requantise(out, sums, salts, width);
}

extern "C" __global__ void requantise_f32_i8(signed char *out, const float *sums, const u32 *salts, u32 width) {
    requantise(out, sums, salts, width);
}

extern "C" __global__ void requantise_f32_bf16(Bf16 *out, const float *sums, const u32 *salts, u32 width) {
    requantise(out, sums, salts, width);
}

extern "C" __global__ void requantise_f32_f32(float *out, const float *sums, const u32 *salts, u32 width) {
    requantise(out, sums, salts, width);
}
