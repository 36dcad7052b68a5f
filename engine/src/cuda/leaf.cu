// The leaf of a row: BLAKE3, in key derivation mode, of its place and its values packed to five bits each.

enum Flag : u32 { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8, DERIVE_KEY_MATERIAL = 64 };

__device__ __forceinline__ u32 rotate_right(u32 word, int bits) {
    return word >> bits | word << (32 - bits);
}

__device__ __forceinline__ void mix(u32 &a, u32 &b, u32 &c, u32 &d, u32 x, u32 y) {
    a += b + x;
    d = rotate_right(d ^ a, 16);
    c += d;
    b = rotate_right(b ^ c, 12);
    a += b + y;
    d = rotate_right(d ^ a, 8);
    c += d;
    b = rotate_right(b ^ c, 7);
}

// Replaces the chaining value `cv` by what the block makes of it.
__device__ __forceinline__ void compress(u32 (&cv)[8], u32 (&block)[16], u32 counter, u32 bytes, u32 flags) {
    u32 s[16] = {cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7], 0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u,
                 0xa54ff53au, counter, 0, bytes, flags};
#pragma unroll
    for (int round = 0; round < 7; ++round) {
        mix(s[0], s[4], s[8], s[12], block[0], block[1]);
        mix(s[1], s[5], s[9], s[13], block[2], block[3]);
        mix(s[2], s[6], s[10], s[14], block[4], block[5]);
        mix(s[3], s[7], s[11], s[15], block[6], block[7]);
        mix(s[0], s[5], s[10], s[15], block[8], block[9]);
        mix(s[1], s[6], s[11], s[12], block[10], block[11]);
        mix(s[2], s[7], s[8], s[13], block[12], block[13]);
        mix(s[3], s[4], s[9], s[14], block[14], block[15]);
        u32 next[16] = {block[2], block[6],  block[3],  block[10], block[7], block[0],  block[4],  block[13],
                        block[1], block[11], block[12], block[5],  block[9], block[14], block[15], block[8]};
#pragma unroll
        for (int i = 0; i < 16; ++i) {
            block[i] = next[i];
        }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        cv[i] = s[i] ^ s[8 + i];
    }
}

// Four values of -16..=15, given as bytes, raised by 16 and packed to twenty bits.
__device__ __forceinline__ u32 pack_four(u32 word) {
    u32 raised = (word & 0x1f1f1f1fu) ^ 0x10101010u;
    return (raised & 0x1fu) | (raised >> 3 & 0x3e0u) | (raised >> 6 & 0x7c00u) | (raised >> 9 & 0xf8000u);
}

// What is hashed, word after word: a zero byte, chain u16, round u32, row u32, the packed values, then zeros.
struct Message {
    const u32 *next;
    const u32 *end;
    u64 bits;
    int held;

    __device__ __forceinline__ u32 pull() {
        while (held < 32 && next != end) {
            bits |= (u64)pack_four(*next++) << held;
            held += 20;
        }
        u32 word = (u32)bits;
        bits >>= 32;
        held = held > 32 ? held - 32 : 0;
        return word;
    }
};

__device__ __forceinline__ void copy(u32 *to, const u32 *from) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        to[i] = from[i];
    }
}

// Makes `cv` that of the parent of `left` and itself.
__device__ __forceinline__ void join(u32 (&cv)[8], const u32 *left, const Key &key, u32 flags) {
    u32 block[16];
    copy(block, left);
    copy(block + 8, cv);
    copy(cv, key.words);
    compress(cv, block, 0, 64, DERIVE_KEY_MATERIAL | PARENT | flags);
}

// Left subtrees that wait for their right ones. Sixteen chunks at most, beyond any width of a policy.
struct Waiting {
    u32 cvs[4][8];
    int count;
};

// A thread for each row. `key` is the key of the context of leaves; `place` is the row's number in its round.
__device__ __forceinline__ void leaf(u32 *digest, const signed char *row, u32 width, u32 chain, u32 round, u32 place,
                                     const Key &key) {
    Message message = {(const u32 *)row, (const u32 *)(row + width), place >> 8, 24};
    u32 bytes = 11 + width / 8 * 5;
    u32 chunks = (bytes + 1023) / 1024;
    Waiting waiting;
    waiting.count = 0;
    u32 cv[8];
    for (u32 chunk = 0; chunk < chunks; ++chunk) {
        u32 rest = bytes - 1024 * chunk;
        u32 blocks = rest > 1024 ? 16 : (rest + 63) / 64;
        copy(cv, key.words);
        for (u32 i = 0; i < blocks; ++i) {
            u32 block[16];
            u32 skipped = 0;
            if (chunk == 0 && i == 0) {
                block[0] = chain << 8 | round << 24;
                block[1] = round >> 8 | place << 24;
                skipped = 2;
            }
#pragma unroll
            for (u32 k = 0; k < 16; ++k) {
                if (k >= skipped) {
                    block[k] = message.pull();
                }
            }
            u32 flags = DERIVE_KEY_MATERIAL | (i == 0 ? CHUNK_START : 0);
            if (i + 1 == blocks) {
                flags |= CHUNK_END | (chunks == 1 ? ROOT : 0);
            }
            u32 left = rest - 64 * i;
            compress(cv, block, chunk, left > 64 ? 64 : left, flags);
        }
        if (chunk + 1 == chunks) {
            break;
        }
        // A subtree of 2^n chunks is whole when their number ends with n zero bits.
        for (u32 whole = chunk + 1; (whole & 1) == 0; whole >>= 1) {
            join(cv, waiting.cvs[--waiting.count], key, 0);
        }
        copy(waiting.cvs[waiting.count++], cv);
    }
    while (waiting.count > 0) {
        --waiting.count;
        join(cv, waiting.cvs[waiting.count], key, waiting.count == 0 ? ROOT : 0);
    }
    copy(digest, cv);
}

extern "C" __global__ void leaves(u32 *digests, const signed char *rows, u32 width, u32 count, u32 chain, u32 round,
                                  u32 first, Key key) {
    u32 row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row < count) {
        leaf(digests + 8 * (u64)row, rows + (u64)row * width, width, chain, round, first + row, key);
    }
}
