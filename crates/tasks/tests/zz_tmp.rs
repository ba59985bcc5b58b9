use anabranch_tasks::config::*;
use anabranch_tasks::output::*;
#[test]
fn messages() {
    for a in ["stepz=5","reward.qedd=2","optimizer.lr=1e-3","env.dims=3","steps=-5","reward.qed=nan","objective.name=tb","policy.heads=3","reward.beta={unifrom=[1,2]}","reward.logp.low=1","replay.kind=prioritized","steps","x.y.z=1","reward={qed={wieght=1}}","lr=3","learning_rate=3","beta=3","qed=1","samples=5"] {
        println!("{}", load(Source::Task(TaskName::Fragments), &[a.into()]).unwrap_err());
    }
    println!("{}", load(Source::text("my.toml","task = \"fragments\"\n\n[reward]\nqed = 1\nsaa = 2\n"), &[]).unwrap_err());
    println!("{}", load(Source::text("my.toml","task = \"fragments\"\n[reward\nqed = 1\n"), &[]).unwrap_err());
    println!("{}", load(Source::text("my.toml","steps = 3\n"), &[]).unwrap_err());
    println!("{}", Source::from_argument("fragmnets").unwrap_err());
    println!("{}", to_commented_toml(&load(Source::Task(TaskName::Fragments), &["reward.sa=0".into(), "reward.beta={log_uniform=[1,64]}".into()]).unwrap()));
    println!("{}", to_toml(&Config::default_for(TaskName::BitSequence)));
}
#[test]
fn full_disk() {
    let rows = (0..20000).map(|i| Sample { text: format!("{:x}", (i as u64).wrapping_mul(0x9E3779B97F4A7C15)), reward: (i as f64).sin(), log_reward: 0.1, values: vec![], molecule: None }).collect();
    let t = SampleTable { object: "smiles".into(), columns: vec![], rows };
    for e in ["csv", "parquet", "jsonl", "smi"] {
        let p = std::path::PathBuf::from(format!("/tmp/tinyfs/x.{e}"));
        println!("{}", write(&t, &p, false).unwrap_err());
        println!("{:?}", std::fs::read_dir("/tmp/tinyfs").unwrap().map(|x| x.unwrap().path()).collect::<Vec<_>>());
    }
    println!("{}", write(&t, std::path::Path::new("/tmp/rofs/x.csv"), false).unwrap_err());
}
