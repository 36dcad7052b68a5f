//! GGUF files of every form of weights, written here: quantised products against the same weights widened to f32.

use std::fs::File;
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, Tensor};
use engine::model::{Decoder, Precision, Segment, Want, load};
use safetensors::tensor::{Dtype, TensorView};

use super::{argmax, options};

const HIDDEN: usize = 256;

type Tensors = Vec<(&'static str, &'static str, Vec<usize>, Vec<f32>)>;

/// A llama of one layer: the names of its tensors here and in Hugging Face folders, shapes and values.
fn tensors() -> Tensors {
    let mut salt = 0_u32;
    let mut tensor = |gguf, folder, shape: &[usize]| {
        let spread = (3.0 / shape[shape.len() - 1] as f32).sqrt();
        let mut value = || {
            salt += 1;
            if shape.len() == 1 { 1.0 } else { (proof::rows::mix32(salt) as f32 / 2_147_483_648.0 - 1.0) * spread }
        };
        (gguf, folder, shape.to_vec(), (0..shape.iter().product::<usize>()).map(|_| value()).collect())
    };
    vec![
        tensor("token_embd.weight", "model.embed_tokens.weight", &[300, HIDDEN]),
        tensor("output_norm.weight", "model.norm.weight", &[HIDDEN]),
        tensor("output.weight", "lm_head.weight", &[300, HIDDEN]),
        tensor("blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight", &[HIDDEN]),
        tensor("blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight", &[HIDDEN]),
        tensor("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight", &[HIDDEN, HIDDEN]),
        tensor("blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight", &[128, HIDDEN]),
        tensor("blk.0.attn_v.weight", "model.layers.0.self_attn.v_proj.weight", &[128, HIDDEN]),
        tensor("blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight", &[HIDDEN, HIDDEN]),
        tensor("blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight", &[512, HIDDEN]),
        tensor("blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight", &[512, HIDDEN]),
        tensor("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight", &[HIDDEN, 512]),
    ]
}

/// Writes it as GGUF, matrices in `dtype`.
fn write(path: &Path, dtype: GgmlDType) -> candle_core::Result<()> {
    let tensors = tensors()
        .into_iter()
        .map(|(name, _, shape, values)| {
            let dtype = if shape.len() == 1 { GgmlDType::F32 } else { dtype };
            Ok((name, QTensor::quantize(&Tensor::from_vec(values, shape, &Device::Cpu)?, dtype)?))
        })
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

/// Writes it as a folder. The halves of each head of q and k stand one after the other there, and alternate in GGUF.
fn write_folder(folder: &Path) {
    let tensors: Vec<_> = tensors()
        .into_iter()
        .map(|(_, name, shape, values)| {
            let rows: Vec<&[f32]> = values.chunks(*shape.last().expect("a shape")).collect();
            let half = HIDDEN / 4 / 2;
            let place = |row: usize| row / (2 * half) * (2 * half) + row % half * 2 + row % (2 * half) / half;
            let rotated = name.contains("q_proj") || name.contains("k_proj");
            let rows = (0..rows.len()).flat_map(|row| rows[if rotated { place(row) } else { row }]);
            (name, shape, rows.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the shape is right");
        (name, view)
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).expect("it can be written");
    let config = serde_json::json!({
        "model_type": "llama", "vocab_size": 300, "hidden_size": HIDDEN, "intermediate_size": 512,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("it can be written");
}

#[test]
fn a_gguf_file_and_a_folder_are_the_same_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    write(&path, GgmlDType::F32).expect("it can be written");
    write_folder(folder.path());
    let [file, folder] = [path.as_path(), folder.path()]
        .map(|path| logits(&mut *load(path, &options(None, 1)).expect("it loads").decoder));
    assert!(file == folder);
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
