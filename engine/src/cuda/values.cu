// Values as the three kinds of product read them: signed bytes, bf16 (its bits), f32. Small integers are exact in all.
// These files are one program, put together in `kernels.rs`; they include no header, so that NVRTC alone compiles them.

typedef unsigned int u32;
typedef unsigned long long u64;

// Eight words by value: the key of a stream, or of a hash.
struct Key {
    u32 words[8];
};

struct Bf16 {
    unsigned short bits;
};

// Value `index` of the four that lie in a word, as bytes.
__device__ __forceinline__ int value_of(u32 word, int index) {
    return (signed char)(word >> (8 * index));
}

// Two values as two neighbouring bf16. The upper half of an f32 is the bf16 wherever the lower half is zero.
__device__ __forceinline__ u32 bf16_pair(int low, int high) {
    return __float_as_uint((float)low) >> 16 | (__float_as_uint((float)high) & 0xffff0000u);
}

// Writes four values, given as bytes of a word; `out` is aligned to four values.
__device__ __forceinline__ void store(signed char *out, u32 word) {
    *(u32 *)out = word;
}

__device__ __forceinline__ void store(Bf16 *out, u32 word) {
    *(uint2 *)out = make_uint2(bf16_pair(value_of(word, 0), value_of(word, 1)),
                               bf16_pair(value_of(word, 2), value_of(word, 3)));
}

__device__ __forceinline__ void store(float *out, u32 word) {
    *(float4 *)out = make_float4((float)value_of(word, 0), (float)value_of(word, 1), (float)value_of(word, 2),
                                 (float)value_of(word, 3));
}

// Writes sixteen values, given as bytes of four words.
template <typename Value> __device__ __forceinline__ void store(Value *out, uint4 words) {
    store(out, words.x);
    store(out + 4, words.y);
    store(out + 8, words.z);
    store(out + 12, words.w);
}

__device__ __forceinline__ void store(signed char *out, uint4 words) {
    *(uint4 *)out = words;
}

// Bytes that came from the host, in the form of another kind of product: a thread for each sixteen.
template <typename Value> __device__ __forceinline__ void widen(Value *out, const signed char *bytes, u64 values) {
    u64 first = 16 * ((u64)blockIdx.x * blockDim.x + threadIdx.x);
    if (first < values) {
        store(out + first, *(const uint4 *)(bytes + first));
    }
}

extern "C" __global__ void widen_bf16(Bf16 *out, const signed char *bytes, u64 values) {
    widen(out, bytes, values);
}

extern "C" __global__ void widen_f32(float *out, const signed char *bytes, u64 values) {
    widen(out, bytes, values);
}
