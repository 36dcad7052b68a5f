// Weights and inputs: bytes of a ChaCha8 stream with a 64-bit block counter and a nonce of zero.

__device__ __forceinline__ u32 rotate_left(u32 word, int bits) {
    return word << bits | word >> (32 - bits);
}

__device__ __forceinline__ void quarter(u32 &a, u32 &b, u32 &c, u32 &d) {
    a += b;
    d = rotate_left(d ^ a, 16);
    c += d;
    b = rotate_left(b ^ c, 12);
    a += b;
    d = rotate_left(d ^ a, 8);
    c += d;
    b = rotate_left(b ^ c, 7);
}

__device__ __forceinline__ void chacha8(const Key &key, u64 block, u32 (&out)[16]) {
    u32 begin[16] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u};
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        begin[4 + i] = key.words[i];
    }
    begin[12] = (u32)block;
    begin[13] = (u32)(block >> 32);
    begin[14] = 0;
    begin[15] = 0;
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        out[i] = begin[i];
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        quarter(out[0], out[4], out[8], out[12]);
        quarter(out[1], out[5], out[9], out[13]);
        quarter(out[2], out[6], out[10], out[14]);
        quarter(out[3], out[7], out[11], out[15]);
        quarter(out[0], out[5], out[10], out[15]);
        quarter(out[1], out[6], out[11], out[12]);
        quarter(out[2], out[7], out[8], out[13]);
        quarter(out[3], out[4], out[9], out[14]);
    }
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        out[i] += begin[i];
    }
}

// A weight is the byte itself.
struct Weight {
    __device__ __forceinline__ static u32 of(u32 word) {
        return word;
    }
};

// An input is the lower five bits less 16, in all four bytes at once: bit 7 keeps each from borrowing of the next.
struct Input {
    __device__ __forceinline__ static u32 of(u32 word) {
        return ((word & 0x1f1f1f1fu | 0x80808080u) - 0x10101010u) ^ 0x80808080u;
    }
};

// Writes `values` values (a multiple of 16), the first of them from block `first` on: a thread for each block.
template <typename Kind, typename Value>
__device__ __forceinline__ void fill(Value *out, const Key &key, u64 first, u64 values) {
    u64 block = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (64 * block >= values) {
        return;
    }
    u32 words[16];
    chacha8(key, first + block, words);
#pragma unroll
    for (int i = 0; i < 16; i += 4) {
        u64 at = 64 * block + 4 * i;
        if (at < values) {
            store(out + at, make_uint4(Kind::of(words[i]), Kind::of(words[i + 1]), Kind::of(words[i + 2]),
                                       Kind::of(words[i + 3])));
        }
    }
}

extern "C" __global__ void weights_i8(signed char *out, Key key, u64 first, u64 values) {
    fill<Weight>(out, key, first, values);
}

extern "C" __global__ void weights_bf16(Bf16 *out, Key key, u64 first, u64 values) {
    fill<Weight>(out, key, first, values);
}

extern "C" __global__ void weights_f32(float *out, Key key, u64 first, u64 values) {
    fill<Weight>(out, key, first, values);
}

extern "C" __global__ void inputs_i8(signed char *out, Key key, u64 first, u64 values) {
    fill<Input>(out, key, first, values);
}

extern "C" __global__ void inputs_bf16(Bf16 *out, Key key, u64 first, u64 values) {
    fill<Input>(out, key, first, values);
}

extern "C" __global__ void inputs_f32(float *out, Key key, u64 first, u64 values) {
    fill<Input>(out, key, first, values);
}
