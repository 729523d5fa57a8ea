.PHONY: demo test check lock faults
demo test check lock faults:
	@./run $@
