//! GGUF files of every form of weights, written here: quantised products against the same weights widened to f32.

use std::fs::File;
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, Tensor};
use engine::model::{Decoder, Precision, Segment, Want, load};

use super::{argmax, options};

const HIDDEN: usize = 256;

/// A llama of one layer; matrices in `dtype`.
fn write(path: &Path, dtype: GgmlDType) -> candle_core::Result<()> {
    let mut salt = 0_u32;
    let mut tensor = |shape: &[usize], dtype: GgmlDType| {
        let spread = (3.0 / shape[shape.len() - 1] as f32).sqrt();
        let values: Vec<f32> = (0..shape.iter().product::<usize>())
            .map(|_| {
                salt += 1;
                if shape.len() == 1 { 1.0 } else { (proof::rows::mix32(salt) as f32 / 2_147_483_648.0 - 1.0) * spread }
            })
            .collect();
        QTensor::quantize(&Tensor::from_vec(values, shape, &Device::Cpu)?, dtype)
    };
    let shapes = [
        ("token_embd.weight", vec![300, HIDDEN]),
        ("output_norm.weight", vec![HIDDEN]),
        ("output.weight", vec![300, HIDDEN]),
        ("blk.0.attn_norm.weight", vec![HIDDEN]),
        ("blk.0.ffn_norm.weight", vec![HIDDEN]),
        ("blk.0.attn_q.weight", vec![HIDDEN, HIDDEN]),
        ("blk.0.attn_k.weight", vec![128, HIDDEN]),
        ("blk.0.attn_v.weight", vec![128, HIDDEN]),
        ("blk.0.attn_output.weight", vec![HIDDEN, HIDDEN]),
        ("blk.0.ffn_gate.weight", vec![512, HIDDEN]),
        ("blk.0.ffn_up.weight", vec![512, HIDDEN]),
        ("blk.0.ffn_down.weight", vec![HIDDEN, 512]),
    ];
    let tensors = shapes
        .iter()
        .map(|(name, shape)| Ok((*name, tensor(shape, if shape.len() == 1 { GgmlDType::F32 } else { dtype })?)))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let numbers = [
        ("llama.embedding_length", HIDDEN as u32),
        ("llama.feed_forward_length", 512),
        ("llama.block_count", 1),
        ("llama.attention.head_count", 4),
        ("llama.attention.head_count_kv", 2),
        ("llama.context_length", 512),
    ];
    let mut metadata: Vec<_> = numbers.map(|(key, number)| (key, gguf_file::Value::U32(number))).into();
    metadata.push(("general.architecture", gguf_file::Value::String("llama".to_owned())));
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    gguf_file::write(&mut File::create(path)?, &metadata, &tensors)
}

fn logits(decoder: &mut dyn Decoder) -> Vec<f32> {
    let ids: Vec<u32> = (0..40).map(|index| index * index % 300).collect();
    decoder.forward(&[Segment { slot: 0, ids: &ids, want: Want::All }]).expect("it runs").remove(0).logits
}

#[test]
fn a_quantised_file_gives_nearly_what_its_widened_weights_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    // Form, how it is held, and the mean difference of a logit as a part of their deviation.
    let forms = [
        (GgmlDType::F32, "f32", 1e-6),
        (GgmlDType::F16, "f16", 1e-6),
        (GgmlDType::BF16, "bf16", 1e-6),
        (GgmlDType::Q8_0, "q8_0", 0.02),
        (GgmlDType::Q4K, "q4_k", 0.02),
        (GgmlDType::Q6K, "q8_0", 0.02),
        (GgmlDType::Q4_0, "q8_0", 0.02),
        (GgmlDType::Q5_0, "q8_0", 0.02),
    ];
    for (dtype, held, most) in forms {
        write(&path, dtype).expect("it can be written");
        let mut stored = load(&path, &options(None, 1)).expect("it loads").decoder;
        assert_eq!(stored.info().precision, held, "{dtype:?}");
        let mut widened = load(&path, &options(Some(Precision::F32), 1)).expect("it loads").decoder;
        let (stored, widened) = (logits(&mut *stored), logits(&mut *widened));
        let mean =
            stored.iter().zip(&widened).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / stored.len() as f64;
        let deviation =
            (widened.iter().map(|logit| f64::from(logit * logit)).sum::<f64>() / widened.len() as f64).sqrt();
        println!("{dtype:?}: mean difference {:.5} of the deviation {deviation:.3}", mean / deviation);
        assert!(mean <= most * deviation, "{dtype:?}: {mean} with a deviation of {deviation}");
        let rows = stored.chunks(300).zip(widened.chunks(300));
        assert!(rows.filter(|(a, b)| argmax(a) != argmax(b)).count() <= 4, "{dtype:?}");
    }
}
