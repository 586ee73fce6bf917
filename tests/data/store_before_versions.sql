BEGIN TRANSACTION;
CREATE TABLE edits (
	id VARCHAR(128) NOT NULL, 
	checkpoint VARCHAR(128) NOT NULL, 
	specification JSON NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "edits" VALUES('e5640211b5adda78b3613b8e1bc6d31f','rings-small','[{"subject": 27, "relation": "II_A3", "object": 192, "distance": null, "method": "rome", "layer": 0, "parameters": {"learning_rate": 0.03, "relative_rate": true, "steps": 200, "clamp_norm_factor": 4.0, "weight_decay": 0.5, "kl_factor": 0.003, "early_stop_loss": 0.1, "n_contexts": 21, "use_covariance": true, "key": "r-rome", "seed": 0}, "preset": null, "strength": 1.0, "batch": false}]','2026-11-27 02:07:32.485462');
CREATE TABLE job_rows (
	job VARCHAR(32) NOT NULL, 
	"index" INTEGER NOT NULL, 
	finished DOUBLE NOT NULL, 
	"values" TEXT NOT NULL, 
	PRIMARY KEY (job, "index"), 
	FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "job_rows" VALUES('790f6e5d85cc6eae',0,1.79574525248680829997e+09,'{"sweep":"790f6e5d85cc6eae","index":0,"checkpoint":"rings-small","checkpoint_sha256":"6f29a4447f90e5d31a56bf2bd3afd9d15ac8de0457d29139744ac586fb336cb7","method":"rome","preset":"tuned","kind":"counterfactual","distance":1,"repetition":0,"edit":"e5640211b5adda78b3613b8e1bc6d31f","outcomes":[{"spec":{"subject":27,"relation":"II_A3","object":192,"distance":null,"method":"rome","layer":0,"parameters":{"learning_rate":0.03,"relative_rate":true,"steps":200,"clamp_norm_factor":4.0,"weight_decay":0.5,"kl_factor":0.003,"early_stop_loss":0.1,"n_contexts":21,"use_covariance":true,"key":"r-rome","seed":0},"preset":null,"strength":1.0,"batch":false},"old_object":124,"new_object":192,"prediction_before":124,"prediction_after":192,"distance":1,"kind":"counterfactual","success":true,"probability_before":0.11661560833454132,"probability_after":0.9407848715782166,"delta_norm":0.15394806257809926,"relative_delta_norm":0.021754363714646806,"steps":6,"warnings":[],"diagnostics":{"target_probability":0.9492725133895874,"condition_number":989.0091560496226,"denominator":1.7916502326676624,"denominator_of_mean_key":1.7916502326676624}}],"problems":[],"shattering":{"edit":{"value":0.005163894743697939,"standard_error":0.000030460249635272028},"retain":{"value":0.0018838553177358264,"standard_error":0.000010374332904450687},"test":{"value":0.001248842626627401,"standard_error":7.042600694929825e-6},"per_relation":{"I_C1":{"value":0.00116021895934242,"standard_error":0.000017426558739538115},"I_C2":{"value":0.001203912684881157,"standard_error":0.000017847656636290145},"I_C3":{"value":0.0013792417200971753,"standard_error":0.000020725971404647268},"I_C4":{"value":0.001747126090463481,"standard_error":0.00002715803070082079},"I_A1":{"value":0.001107300669706712,"standard_error":0.000017586793968004268},"I_A2":{"value":0.0011683863610226163,"standard_error":0.00001896106353046197},"I_A3":{"value":0.0010573723150326638,"standard_error":0.00001802764187973409},"I_A4":{"value":0.0011671822124729822,"standard_error":0.000019776878619762366},"II_C1":{"value":0.0030911768181559655,"standard_error":0.00004628848535397913},"II_C2":{"value":0.002562573862550385,"standard_error":0.00003961821541053065},"II_C3":{"value":0.0024706335186481295,"standard_error":0.000034197065306676934},"II_C4":{"value":0.002903930106476083,"standard_error":0.00003976688048366253},"II_A1":{"value":0.004389592425303683,"standard_error":0.00006785914584739016},"II_A2":{"value":0.006332099252960593,"standard_error":0.00009260849484438089},"II_A3":{"value":0.008930983997197266,"standard_error":0.00012778617419942223},"II_A4":{"value":0.010630167968291408,"standard_error":0.00015299457985589487},"III_C1":{"value":0.00168857177318403,"standard_error":0.00002701418394359984},"III_C2":{"value":0.0015852067420461845,"standard_error":0.000023053676602078046},"III_C3":{"value":0.002050741717492871,"standard_error":0.0000285123296648173},"III_C4":{"value":0.002089719553105639,"standard_error":0.00003047341273404736},"III_A1":{"value":0.001981033838659401,"standard_error":0.00003341490226058948},"III_A2":{"value":0.0016344853072939407,"standard_error":0.000026480029904472464},"III_A3":{"value":0.0017659990123286165,"standard_error":0.00002837603843750546},"III_A4":{"value":0.0022750845977759287,"standard_error":0.000035529521890557535}},"n_pairs":2048},"scores":[{"task":"direct","order":"I","sub_graph":"test","accuracy":{"before":0.9,"after":0.9,"change":0.0},"probability":{"before":0.7703959465026855,"after":0.7677672863006592,"change":-0.002628660202026345},"n_queries":4,"n_available":1950,"n_contexts":5},{"task":"direct","order":"II","sub_graph":"edit","accuracy":{"before":0.85,"after":0.85,"change":0.0},"probability":{"before":0.6185001850128173,"after":0.629615306854248,"change":0.011115121841430708},"n_queries":4,"n_available":1944,"n_contexts":5},{"task":"direct","order":"III","sub_graph":"retain","accuracy":{"before":0.9,"after":0.9,"change":0.0},"probability":{"before":0.6249852657318116,"after":0.6354469299316406,"change":0.01046166419982908},"n_queries":4,"n_available":1933,"n_contexts":5},{"task":"logical","order":"I","sub_graph":"test","accuracy":{"before":0.35,"after":0.3,"change":-0.04999999999999999},"probability":{"before":0.3196373224258423,"after":0.3232256412506104,"change":0.0035883188247680664},"n_queries":4,"n_available":98,"n_contexts":5},{"task":"logical","order":"II","sub_graph":"edit","accuracy":{"before":0.55,"after":0.6,"change":0.04999999999999993},"probability":{"before":0.45311932563781737,"after":0.46283855438232424,"change":0.00971922874450687},"n_queries":4,"n_available":104,"n_contexts":5},{"task":"logical","order":"III","sub_graph":"retain","accuracy":{"before":0.15,"after":0.1,"change":-0.04999999999999999},"probability":{"before":0.27334482669830323,"after":0.27539992332458496,"change":0.002055096626281727},"n_queries":4,"n_available":115,"n_contexts":5},{"task":"composition_stated","order":"I","sub_graph":"test","accuracy":{"before":0.6,"after":0.65,"change":0.050000000000000044},"probability":{"before":0.4267225742340088,"after":0.4237692832946777,"change":-0.0029532909393310547},"n_queries":4,"n_available":15583,"n_contexts":5},{"task":"composition_stated","order":"II","sub_graph":"edit","accuracy":{"before":0.9,"after":0.75,"change":-0.15000000000000002},"probability":{"before":0.6152133464813232,"after":0.5777773380279541,"change":-0.03743600845336914},"n_queries":4,"n_available":15621,"n_contexts":5},{"task":"composition_stated","order":"III","sub_graph":"retain","accuracy":{"before":0.6,"after":0.6,"change":0.0},"probability":{"before":0.40992422103881837,"after":0.4052295207977295,"change":-0.004694700241088867},"n_queries":4,"n_available":15557,"n_contexts":5},{"task":"composition_held_out","order":"I","sub_graph":"test","accuracy":{"before":0.5,"after":0.5,"change":0.0},"probability":{"before":0.4284185886383057,"after":0.4280404090881348,"change":-0.00037817955017088734},"n_queries":4,"n_available":801,"n_contexts":5},{"task":"composition_held_out","order":"II","sub_graph":"edit","accuracy":{"before":1.0,"after":0.8,"change":-0.19999999999999996},"probability":{"before":0.6116087913513184,"after":0.6022934913635254,"change":-0.009315299987793013},"n_queries":4,"n_available":763,"n_contexts":5},{"task":"composition_held_out","order":"III","sub_graph":"retain","accuracy":{"before":0.85,"after":0.85,"change":0.0},"probability":{"before":0.5524015903472901,"after":0.5461573123931884,"change":-0.006244277954101651},"n_queries":4,"n_available":827,"n_contexts":5}],"quality":{"efficacy":{"accuracy":{"before":0.0,"after":1.0,"change":1.0},"probability":{"before":0.11661560833454132,"after":0.9407848715782166,"change":0.8241692632436752},"n_queries":1},"generality":{"accuracy":{"before":0.0,"after":1.0,"change":1.0},"probability":{"before":0.10359630398452283,"after":0.9207195401191711,"change":0.8171232361346483},"n_queries":5},"locality":{"accuracy":{"before":1.0,"after":0.995,"change":-0.0050000000000000044},"probability":{"before":0.6963935314118862,"after":0.6931465139985085,"change":-0.0032470174133777396},"n_queries":200},"portability":{"accuracy":{"before":0.0,"after":0.2857142857142857,"change":0.2857142857142857},"probability":{"before":0.12135430265750204,"after":0.3420818831239428,"change":0.22072758046644075},"n_queries":7}},"sequence":null,"edit_seconds":0.03360030600003938,"measure_seconds":0.1125705790000211,"seed":0,"contexts":5,"queries":4,"device":"cpu","versions":{"shatterscope":"0.1.0","python":"3.11.7","torch":"2.13.0+cpu","numpy":"2.4.6"},"finished":"2026-11-27T02:07:32.482+00:00"}');
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	checkpoint VARCHAR(128) NOT NULL, 
	checkpoint_sha256 VARCHAR(64) NOT NULL, 
	request JSON NOT NULL, 
	"plan" JSON NOT NULL, 
	total INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	wanted VARCHAR(16), 
	error TEXT, 
	owner VARCHAR(128), 
	beat DOUBLE NOT NULL, 
	started DOUBLE NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('790f6e5d85cc6eae','sweep','rings-small','6f29a4447f90e5d31a56bf2bd3afd9d15ac8de0457d29139744ac586fb336cb7','{"checkpoint": "rings-small", "methods": [{"name": "rome", "preset": null, "layer": null, "parameters": {}}], "distances": [1], "corrective": false, "edits_per_cell": 1, "seed": 0, "contexts": 5, "queries": 4, "sequence": null}','{"methods": [{"name": "rome", "preset": "tuned", "layer": 0, "parameters": {"learning_rate": 0.03, "relative_rate": true, "steps": 200, "clamp_norm_factor": 4.0, "weight_decay": 0.5, "kl_factor": 0.003, "early_stop_loss": 0.1, "n_contexts": 21, "use_covariance": true, "key": "r-rome", "seed": 0}}], "distances": [1], "facts": [[27, "II_A3"]], "errors": [], "per_cell": 1, "every": null, "repetitions": 1}',1,'done',NULL,NULL,NULL,1.79574525248802280424e+09,1.79574525030909037592e+09,'2026-11-27 02:07:30.309096');
CREATE TABLE rooms (
	id VARCHAR(32) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	expires DOUBLE NOT NULL, 
	created DOUBLE NOT NULL, 
	revision INTEGER NOT NULL, 
	state TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "rooms" VALUES('room-kept','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',4102444800.0,1767323045.0,12,'{"path": "/", "query": "c=rings-small"}');
CREATE TABLE views (
	id VARCHAR(32) NOT NULL, 
	path VARCHAR(32) NOT NULL, 
	"query" TEXT NOT NULL, 
	title VARCHAR(100), 
	note TEXT NOT NULL, 
	checkpoint VARCHAR(128), 
	sha256 VARCHAR(64), 
	token VARCHAR(64), 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "views" VALUES('bjn97vej','/','?c=rings-small&t=d4','A broken ring','Seen in class','rings-small','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','2026-01-02 03:04:05.000000');
INSERT INTO "views" VALUES('bjn97vejk','/compare','?c=rings-small&q=17~I_C2',NULL,'',NULL,NULL,NULL,'2026-01-02 03:04:06.000000');
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_views_title ON views (title);
CREATE INDEX job_rows_by_time ON job_rows (job, finished);
COMMIT;
