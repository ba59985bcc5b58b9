"""Models of hydration free energies, and what onnxruntime says of some molecules.

python make.py .../molecules/freesolv.csv

Made with rdkit 2026.9.1, scikit-learn 1.9.1, skl2onnx 1.20.0, onnxmltools 1.16.0, xgboost 3.2.0, lightgbm 4.7.0,
torch (see the models' producers) and onnxruntime 1.32.0. The data are FreeSolv (Mobley and Guthrie 2014).
"""

import csv, json, sys, warnings

import lightgbm, numpy as np, onnx, onnxmltools, onnxruntime as ort, torch, xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as Float
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator as Generator, rdMolDescriptors as D
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
rows = list(csv.DictReader(open(sys.argv[1])))
molecules = [Chem.MolFromSmiles(row["smiles"]) for row in rows]
energy = np.array([float(row["expt"]) for row in rows])
# -25.5 to 3.4 kcal/mol: three classes of about the same size.
classes = np.digitize(energy, np.quantile(energy, [1 / 3, 2 / 3]))
active = (energy < np.median(energy)).astype(int)


def morgan(radius, bits, counts=False):
    generator = Generator.GetMorganGenerator(radius=radius, fpSize=bits)
    get = generator.GetCountFingerprintAsNumPy if counts else generator.GetFingerprintAsNumPy
    settings = {"features": "morgan", "radius": radius, "bits": bits, "counts": counts}
    return settings, np.array([get(m) for m in molecules], dtype=np.float64)


DESCRIPTORS = {
    "mw": Descriptors.MolWt, "logp": Crippen.MolLogP, "tpsa": D.CalcTPSA, "hbd": D.CalcNumHBD,
    "hba": D.CalcNumHBA, "rotatable_bonds": D.CalcNumRotatableBonds, "rings": D.CalcNumRings,
    "aromatic_rings": D.CalcNumAromaticRings, "heavy_atoms": lambda m: m.GetNumHeavyAtoms(),
}


def descriptors(*names):
    values = np.array([[DESCRIPTORS[name](m) for name in names] for m in molecules], dtype=np.float64)
    return {"features": "descriptors", "descriptors": list(names)}, values


found = {"smiles": [row["smiles"] for row in rows[::16]], "models": {}}


def keep(name, model, features, output=None):
    settings, x = features
    model = model if isinstance(model, bytes) else model.SerializeToString()
    assert len(model) < 100_000, (name, len(model))
    open(f"{name}.onnx", "wb").write(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options)
    given = session.get_inputs()[0]
    kind = np.float64 if "double" in given.type else np.float32
    x = x[::16].astype(kind)
    output = output or session.get_outputs()[0].name
    if given.shape[0] == 1:
        y = np.concatenate([session.run([output], {given.name: row[None]})[0] for row in x])
    else:
        y = session.run([output], {given.name: x})[0]
    y = np.asarray(y, dtype=np.float64).reshape(len(x), -1)
    found["models"][name] = {**settings, "output": output, "values": y.tolist()}
    print(f"{name:22} {len(model):7} bytes, {y.shape[1]} values, mean {y.mean():.4f}")


some, few = morgan(2, 1024), morgan(2, 512)
float_input = lambda features: [("X", FloatTensorType([None, features[1].shape[1]]))]

forest = RandomForestRegressor(20, max_depth=7, random_state=0).fit(some[1], energy)
keep("forest_regressor", to_onnx(forest, initial_types=float_input(some)), some)
forest = RandomForestClassifier(16, max_depth=6, random_state=0).fit(some[1], classes)
options = {id(forest): {"zipmap": False}}
keep("forest_classifier", to_onnx(forest, initial_types=float_input(some), options=options), some, "probabilities")
small = RandomForestClassifier(2, max_depth=2, random_state=0).fit(few[1], active)
open("zipmap.onnx", "wb").write(to_onnx(small, initial_types=float_input(few)).SerializeToString())
boosted = GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=0).fit(some[1], active)
options = {id(boosted): {"zipmap": False}}
keep("boosting_classifier", to_onnx(boosted, initial_types=float_input(some), options=options), some, "probabilities")

named = descriptors("mw", "logp", "tpsa", "hbd", "hba", "rings")
perceptron = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(32, 16), max_iter=500, random_state=0))
perceptron.fit(named[1], energy)
keep("perceptron", to_onnx(perceptron, initial_types=float_input(named)), named)
double = [("X", DoubleTensorType([None, 6]))]
ridge = make_pipeline(StandardScaler(), Ridge()).fit(named[1], energy)
keep("ridge_double", to_onnx(ridge, initial_types=double), named)

counts = morgan(3, 512, True)
names = [f"f{i}" for i in range(512)]
trees = xgboost.XGBRegressor(n_estimators=40, max_depth=4, random_state=0).fit(counts[1], energy)
keep("xgboost_regressor", onnxmltools.convert_xgboost(trees, initial_types=[("X", Float([None, 512]))]), counts)
trees = xgboost.XGBClassifier(n_estimators=30, max_depth=3, random_state=0).fit(counts[1], active)
model = onnxmltools.convert_xgboost(trees, initial_types=[("X", Float([None, 512]))])
keep("xgboost_classifier", model, counts, "probabilities")

wide = descriptors(*DESCRIPTORS)
trees = lightgbm.LGBMRegressor(n_estimators=40, num_leaves=8, random_state=0, verbose=-1).fit(wide[1], energy)
keep("lightgbm_regressor", onnxmltools.convert_lightgbm(trees, initial_types=[("X", Float([None, 9]))]), wide)
trees = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=6, random_state=0, verbose=-1).fit(wide[1], classes)
model = onnxmltools.convert_lightgbm(trees, initial_types=[("X", Float([None, 9]))], zipmap=False)
keep("lightgbm_classifier", model, wide, "probabilities")

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Linear(512, 32), torch.nn.LayerNorm(32), torch.nn.GELU(), torch.nn.Dropout(0.1),
    torch.nn.Linear(32, 16), torch.nn.SiLU(), torch.nn.Linear(16, 2),
)
x = torch.tensor(few[1], dtype=torch.float32)
y = torch.tensor(np.stack([energy, active], 1), dtype=torch.float32)
optimizer = torch.optim.Adam(network.parameters(), 3e-3)
for _ in range(150):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(network(x), y).backward()
    optimizer.step()
network.eval()
for name, given in [
    ("torch_perceptron", {"dynamic_shapes": ({0: torch.export.Dim("molecules")},)}),
    ("torch_single", {}),
]:
    example = x[:2] if given else x[:1]
    program = torch.onnx.export(network, (example,), dynamo=True, verbose=False, input_names=["x"], **given)
    keep(name, program.model_proto, few)

json.dump(found, open("expected.json", "w"), indent=None)
